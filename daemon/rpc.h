/* SPDX-License-Identifier: MIT */
/*
 * The control protocol: JSON-RPC 2.0, one object a line each way.  Requests
 * carry an id and parameters by name; batches and notifications are refused.
 * doc/protocol.md is the reference.
 */
#ifndef RAIDD_RPC_H
#define RAIDD_RPC_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "failure.h"

#define RPC_LINE_MAX (1u << 20)

/* JSON-RPC's own numbers; ours is RPC_FAILED, with the message in data. */
#define RPC_PARSE_ERROR      (-32700)
#define RPC_INVALID_REQUEST  (-32600)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS   (-32602)
#define RPC_FAILED           (-32000)

/* X(name, "word", does it change anything?) */
#define RPC_METHODS(X)                       \
	X(PING, "ping", false)               \
	X(VERSION, "version", false)         \
	X(STATUS, "status", false)           \
	X(LIST, "list", false)               \
	X(SHOW, "show", false)               \
	X(LOST, "lost", false)               \
	X(FAULTS, "faults", false)           \
	X(ATTACH_INFO, "attach.info", false) \
	X(CREATE, "create", true)            \
	X(START, "start", true)              \
	X(STOP, "stop", true)                \
	X(DESTROY, "destroy", true)          \
	X(SALVAGE, "salvage", false)         \
	X(RECOVER, "recover", true)          \
	X(MEMBER_FAIL, "member.fail", true)

enum rpc_method {
#define X(name, word, changes) RPC_##name,
	RPC_METHODS(X)
#undef X
		RPC_METHOD_COUNT
};

struct rpc_call {
	enum rpc_method method;
	json_t *request; /* owns what id and params point into */
	json_t *id;      /* NULL: not known */
	json_t *params;  /* an object, checked; NULL: none were given */
};

/*
 * One line, without its newline.  0; or the JSON-RPC error number, with f
 * set.  In both cases rpc_call_free() afterwards.
 */
int rpc_decode(const char *line, size_t length, struct rpc_call *call,
	       struct failure *f);
void rpc_call_free(struct rpc_call *call);

const char *rpc_method_word(enum rpc_method method);
bool rpc_method_changes(enum rpc_method method);

/* Parameters of a decoded call; the default if not given. */
const char *rpc_text(const struct rpc_call *call, const char *name);
bool rpc_flag(const struct rpc_call *call, const char *name);
json_int_t rpc_number(const struct rpc_call *call, const char *name,
		      json_int_t otherwise);

/* New references.  result is taken. */
json_t *rpc_result(json_t *id, json_t *result);
json_t *rpc_error(json_t *id, int code, const struct failure *f);

struct arrays;

/* May this client change things? */
struct rpc_client {
	unsigned uid;
	bool may_change;
};

/* Carry out one line: the answer to send, or NULL: no memory.  later: another
 * change is being waited for, and this is one too, or we have only just begun
 * to start; nothing was done. */
json_t *rpc_handle(struct arrays *a, const struct rpc_client *client,
		   const char *line, size_t length, bool *later);

/* A method: 0 and a new reference in result, or -errno and f. */
typedef int rpc_f(struct arrays *a, const struct rpc_call *call,
		  json_t **result, struct failure *f);

/* rpc_read.c */
rpc_f rpc_ping, rpc_version, rpc_status, rpc_list, rpc_show, rpc_attach_info;
rpc_f rpc_lost, rpc_faults;
/* rpc_salvage.c */
rpc_f rpc_salvage, rpc_recover;
/* rpc_change.c */
rpc_f rpc_create, rpc_start, rpc_stop, rpc_destroy, rpc_member_fail;

#endif
