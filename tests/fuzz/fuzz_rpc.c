/* SPDX-License-Identifier: MIT */
/*
 * What may come over the control socket: lines, each decoded and validated as
 * raidd does it.  Whatever it is, there is an answer that is one line of
 * JSON, and a request that passed has the parameters its method counts on.
 *
 * Built with -DFUZZ_LIBFUZZER -fsanitize=fuzzer it is driven by libFuzzer,
 * else replay.c hands it the files it is given.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fuzzer.h"
#include "rpc.h"

static void
answer_check(json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);

	CHECK(answer);
	CHECK(text);
	CHECK(!strchr(text, '\n'));
	free(text);
	json_decref(answer);
}

/* What the methods take for granted. */
static void
call_check(const struct rpc_call *call)
{
	CHECK(call->method < RPC_METHOD_COUNT);
	CHECK(call->id);
	switch (call->method) {
	case RPC_PING:
	case RPC_VERSION:
	case RPC_LIST:
	case RPC_STATUS:
		return;
	case RPC_CREATE:
		CHECK(json_is_array(json_object_get(call->params, "members")));
		CHECK(rpc_number(call, "legs", 2) <= 1000);
		break;
	case RPC_MEMBER_FAIL:
		CHECK(rpc_number(call, "set", -1) >= 0);
		CHECK(rpc_number(call, "leg", -1) >= 0);
		break;
	case RPC_SHOW:
	case RPC_LOST:
	case RPC_FAULTS:
	case RPC_ATTACH_INFO:
	case RPC_START:
	case RPC_STOP:
	case RPC_DESTROY:
	case RPC_SALVAGE:
	case RPC_RECOVER:
	case RPC_METHOD_COUNT:
		break;
	}
	CHECK(rpc_text(call, "name"));
}

static void
line_try(const char *line, size_t length)
{
	struct rpc_call call;
	struct failure f;
	int code = rpc_decode(line, length, &call, &f);

	CHECK(code <= 0);
	if (code) {
		answer_check(rpc_error(call.id, code, &f));
	} else {
		call_check(&call);
		answer_check(rpc_result(call.id, json_object()));
	}
	rpc_call_free(&call);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	const char *end = at + size;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		line_try(at, (size_t)(stop - at));
		at = stop + 1;
	}
	return 0;
}
