/* SPDX-License-Identifier: MIT */
/*
 * Requests: decoded, then validated against one table, here and never again.
 * No sockets and no arrays, so that a fuzzer can have it alone.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "rpc.h"

enum param_kind { PARAM_TEXT, PARAM_FLAG, PARAM_NUMBER, PARAM_TEXTS };

struct param {
	enum rpc_method method;
	const char *name;
	enum param_kind kind;
	bool required;
	json_int_t max; /* of a number, or of a list's length */
};

static const struct param params[] = {
	{RPC_STATUS, "name", PARAM_TEXT, false, 0},
	{RPC_SHOW, "name", PARAM_TEXT, true, 0},
	{RPC_LOST, "name", PARAM_TEXT, true, 0},
	{RPC_FAULTS, "name", PARAM_TEXT, true, 0},
	{RPC_ATTACH_INFO, "name", PARAM_TEXT, true, 0},
	{RPC_CREATE, "name", PARAM_TEXT, true, 0},
	{RPC_CREATE, "members", PARAM_TEXTS, true, 192},
	{RPC_CREATE, "legs", PARAM_NUMBER, false, 1000},
	{RPC_CREATE, "chunk_bytes", PARAM_NUMBER, false, 1 << 30},
	{RPC_CREATE, "force", PARAM_TEXTS, false, 16},
	{RPC_CREATE, "dry_run", PARAM_FLAG, false, 0},
	{RPC_START, "name", PARAM_TEXT, true, 0},
	{RPC_START, "degraded", PARAM_FLAG, false, 0},
	{RPC_START, "salvage", PARAM_FLAG, false, 0},
	{RPC_SALVAGE, "name", PARAM_TEXT, true, 0},
	{RPC_RECOVER, "name", PARAM_TEXT, true, 0},
	{RPC_RECOVER, "accept_loss", PARAM_FLAG, false, 0},
	{RPC_RECOVER, "dry_run", PARAM_FLAG, false, 0},
	{RPC_STOP, "name", PARAM_TEXT, true, 0},
	{RPC_DESTROY, "name", PARAM_TEXT, true, 0},
	{RPC_MEMBER_FAIL, "name", PARAM_TEXT, true, 0},
	{RPC_MEMBER_FAIL, "set", PARAM_NUMBER, true, 1000},
	{RPC_MEMBER_FAIL, "leg", PARAM_NUMBER, true, 1000},
};

static const struct {
	const char *word;
	bool changes;
} methods[] = {
#define X(name, word, changes) [RPC_##name] = {word, changes},
	RPC_METHODS(X)
#undef X
};

const char *
rpc_method_word(enum rpc_method method)
{
	CHECK(method < RPC_METHOD_COUNT);
	return methods[method].word;
}

bool
rpc_method_changes(enum rpc_method method)
{
	CHECK(method < RPC_METHOD_COUNT);
	return methods[method].changes;
}

static int
decode_malformed(struct failure *f, int code, const char *cause)
{
	failure_set(f, MSG_REQUEST_MALFORMED, "%s",
		    code == RPC_PARSE_ERROR ? "the request is not JSON"
					    : "not a request");
	failure_cause(f, "%s", cause);
	return code;
}

static int
decode_method(struct rpc_call *call, struct failure *f)
{
	const char *word =
		json_string_value(json_object_get(call->request, "method"));

	if (!word)
		return decode_malformed(f, RPC_INVALID_REQUEST,
					"method is not a string");
	for (unsigned i = 0; i < RPC_METHOD_COUNT; i++) {
		if (strcmp(methods[i].word, word))
			continue;
		call->method = (enum rpc_method)i;
		return 0;
	}
	failure_set(f, MSG_METHOD_UNKNOWN, "there is no method '%.80s'", word);
	failure_remedy(f, "raidctl and raidd may be of different versions: "
			  "raidctl --version");
	return RPC_METHOD_NOT_FOUND;
}

static int
decode_envelope(struct rpc_call *call, struct failure *f)
{
	const char *version;
	const char *key;
	json_t *value;

	if (!json_is_object(call->request))
		return decode_malformed(f, RPC_INVALID_REQUEST,
					"it is not an object");
	call->id = json_object_get(call->request, "id");
	if (!json_is_string(call->id) && !json_is_integer(call->id)) {
		call->id = NULL;
		return decode_malformed(f, RPC_INVALID_REQUEST,
					"id is not a number or a string");
	}
	version = json_string_value(json_object_get(call->request, "jsonrpc"));
	if (!version || strcmp(version, "2.0"))
		return decode_malformed(f, RPC_INVALID_REQUEST,
					"jsonrpc is not \"2.0\"");
	json_object_foreach(call->request, key, value)
	{
		if (strcmp(key, "jsonrpc") && strcmp(key, "id") &&
		    strcmp(key, "method") && strcmp(key, "params"))
			return decode_malformed(
				f, RPC_INVALID_REQUEST,
				"it has keys other than jsonrpc, id, method "
				"and params");
	}
	return 0;
}

static const char *
param_texts_trouble(const struct param *p, const json_t *value)
{
	if (!json_is_array(value))
		return "is not a list";
	if ((json_int_t)json_array_size(value) > p->max)
		return "has too many entries";
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return "has an entry that is not a string";
	return NULL;
}

/* NULL: it is good. */
static const char *
param_trouble(const struct param *p, const json_t *value)
{
	switch (p->kind) {
	case PARAM_TEXT:
		return json_is_string(value) ? NULL : "is not a string";
	case PARAM_FLAG:
		return json_is_boolean(value) ? NULL : "is not true or false";
	case PARAM_NUMBER:
		if (!json_is_integer(value))
			return "is not a whole number";
		if (json_integer_value(value) < 0 ||
		    json_integer_value(value) > p->max)
			return "is out of range";
		return NULL;
	case PARAM_TEXTS:
		break;
	}
	return param_texts_trouble(p, value);
}

static const struct param *
param_find(enum rpc_method method, const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(params); i++)
		if (params[i].method == method && !strcmp(params[i].name, name))
			return &params[i];
	return NULL;
}

static int
decode_param_bad(struct failure *f, const struct rpc_call *call,
		 const char *name, const char *trouble)
{
	failure_set(f, MSG_PARAMS_INVALID, "%s: parameter '%.80s' %s",
		    rpc_method_word(call->method), name, trouble);
	return RPC_INVALID_PARAMS;
}

static int
decode_params(struct rpc_call *call, struct failure *f)
{
	const char *name;
	json_t *value;

	call->params = json_object_get(call->request, "params");
	if (call->params && !json_is_object(call->params)) {
		call->params = NULL;
		failure_set(f, MSG_PARAMS_INVALID,
			    "params is not an object: parameters have names");
		return RPC_INVALID_PARAMS;
	}
	json_object_foreach(call->params, name, value)
	{
		const struct param *p = param_find(call->method, name);
		const char *trouble =
			p ? param_trouble(p, value) : "is unknown";

		if (trouble)
			return decode_param_bad(f, call, name, trouble);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(params); i++)
		if (params[i].method == call->method && params[i].required &&
		    !json_object_get(call->params, params[i].name))
			return decode_param_bad(f, call, params[i].name,
						"is missing");
	return 0;
}

int
rpc_decode(const char *line, size_t length, struct rpc_call *call,
	   struct failure *f)
{
	json_error_t error;
	int code;

	memset(call, 0, sizeof(*call));
	call->request =
		json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
	if (!call->request)
		return decode_malformed(f, RPC_PARSE_ERROR, error.text);
	code = decode_envelope(call, f);
	if (!code)
		code = decode_method(call, f);
	return code ? code : decode_params(call, f);
}

void
rpc_call_free(struct rpc_call *call)
{
	json_decref(call->request);
	memset(call, 0, sizeof(*call));
}

const char *
rpc_text(const struct rpc_call *call, const char *name)
{
	return json_string_value(json_object_get(call->params, name));
}

bool
rpc_flag(const struct rpc_call *call, const char *name)
{
	return json_is_true(json_object_get(call->params, name));
}

json_int_t
rpc_number(const struct rpc_call *call, const char *name, json_int_t otherwise)
{
	const json_t *value = json_object_get(call->params, name);

	return value ? json_integer_value(value) : otherwise;
}

json_t *
rpc_result(json_t *id, json_t *result)
{
	return json_pack("{s:s,s:O?,s:o}", "jsonrpc", "2.0", "id", id, "result",
			 result);
}

/* Null rather than an empty text. */
static json_t *
text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

json_t *
rpc_error(json_t *id, int code, const struct failure *f)
{
	char number[16];

	snprintf(number, sizeof(number), "RD-%u", message_number(f->message));
	return json_pack("{s:s,s:O?,s:{s:i,s:s,s:{s:s,s:s,s:o,s:o,s:i}}}",
			 "jsonrpc", "2.0", "id", id, "error", "code", code,
			 "message", f->what, "data", "id", number, "message",
			 f->what, "cause", text_or_null(f->cause), "remedy",
			 text_or_null(f->remedy), "exit_code",
			 message_exit_code(f->message));
}
