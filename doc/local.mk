# SPDX-License-Identifier: MIT
dist_man_MANS += \
	doc/raidctl.8 \
	doc/raidd.8 \
	doc/raidd.conf.5 \
	$(NULL)

dist_doc_DATA += \
	doc/design.md \
	doc/format.md \
	doc/performance.md \
	doc/protocol.md \
	doc/testing.md \
	$(NULL)
