# SPDX-License-Identifier: MIT
dist_man_MANS += \
	$(NULL)

dist_doc_DATA += \
	doc/design.md \
	doc/format.md \
	$(NULL)
