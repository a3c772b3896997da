/* SPDX-License-Identifier: MIT */
/*
 * Every message that has an identifier: raidd's and raidctl's.  Numbers are
 * forever: one that is no longer used stays unused.
 * Here because both programs need it and neither may include from the other;
 * the engine knows no text.
 *
 *	X(name, number, errno, exit code of raidctl, what it means)
 *
 * 10xx the protocol, 11xx to 14xx commands, 20xx health, 40xx raidctl itself.
 */
#ifndef RAID_MESSAGES_H
#define RAID_MESSAGES_H

#define MESSAGES(X)                                                            \
	X(REQUEST_MALFORMED, 1001, EPROTO, 1,                                  \
	  "the request was not one JSON-RPC 2.0 object on a line")             \
	X(REQUEST_TOO_LONG, 1002, EMSGSIZE, 1,                                 \
	  "the request was longer than 1 MiB")                                 \
	X(METHOD_UNKNOWN, 1003, ENOSYS, 1, "raidd has no method of that name") \
	X(PARAMS_INVALID, 1004, EINVAL, 2,                                     \
	  "a parameter is unknown, missing or out of range")                   \
	X(CLIENTS_MAX, 1005, EMFILE, 7,                                        \
	  "raidd serves as many control clients as it takes")                  \
	X(NOT_PERMITTED, 1006, EPERM, 5,                                       \
	  "only root and raidd's own user may change anything")                \
	X(NO_MEMORY, 1007, ENOMEM, 1, "raidd has no memory for it")            \
	X(ARRAY_UNKNOWN, 1101, ENOENT, 4,                                      \
	  "no member of an array of that name was found")                      \
	X(LEG_UNKNOWN, 1102, ENOENT, 4, "the array has no such leg")           \
	X(NAME_AMBIGUOUS, 1103, ENOTUNIQ, 7,                                   \
	  "several arrays have that name; use the UUID")                       \
	X(NAME_BAD, 1201, EINVAL, 2, "not a name for an array")                \
	X(NAME_TAKEN, 1202, EEXIST, 7, "an array of that name exists")         \
	X(GEOMETRY_BAD, 1203, EINVAL, 2,                                       \
	  "legs, chunk or number of sets out of bounds")                       \
	X(MEMBERS_UNEVEN, 1204, EINVAL, 2,                                     \
	  "the members do not make whole sets")                                \
	X(MEMBER_OPEN, 1205, ENODEV, 4, "a member cannot be opened or read")   \
	X(MEMBER_BUSY, 1206, EBUSY, 7, "a member is in use")                   \
	X(MEMBER_TWICE, 1207, EINVAL, 6, "one disk was given twice")           \
	X(MEMBER_SMALL, 1208, ENOSPC, 6, "a member is too small")              \
	X(MEMBER_LARGE, 1209, EFBIG, 6, "a member is too large")               \
	X(MEMBER_SIGNATURE, 1210, EEXIST, 6,                                   \
	  "a member carries a file system, a partition table or the like")     \
	X(MEMBER_OURS, 1211, EEXIST, 6,                                        \
	  "a member belongs to an array already")                              \
	X(MEMBER_SECTORS, 1212, EINVAL, 6, "the members' sector sizes differ") \
	X(CREATE_FAILED, 1214, EIO, 1, "the array could not be made")          \
	X(ARRAY_WAITS, 1302, EAGAIN, 7,                                        \
	  "absent members may hold newer data: the array does not start "      \
	  "alone")                                                             \
	X(SET_MISSING, 1303, ENXIO, 7,                                         \
	  "a set has no in-sync leg: the array cannot start")                  \
	X(ARRAY_FORKED, 1304, ESTALE, 7,                                       \
	  "two halves of the array went on apart from each other")             \
	X(START_FAILED, 1305, EIO, 1, "the array could not be started")        \
	X(STOP_FAILED, 1306, EIO, 1, "the array did not stop clean")           \
	X(ARRAY_IN_USE, 1307, EBUSY, 7, "clients have the array open")         \
	X(NOT_STARTED, 1308, ENXIO, 7, "the array is not being served")        \
	X(MEMBER_HANGS, 1309, ETIMEDOUT, 8, "a member does not answer")        \
	X(SERVED_ALREADY, 1310, EALREADY, 7,                                   \
	  "the array is served: nothing is to be salvaged or recovered")       \
	X(NOT_SALVAGED, 1311, ENXIO, 7,                                        \
	  "the array is not served as a salvage")                              \
	X(NOTHING_LEFT, 1312, ENODATA, 6,                                      \
	  "of a set no member with a readable superblock and map is left")     \
	X(RECOVER_FAILED, 1313, EIO, 1, "the array could not be recovered")    \
	X(LAST_LEG, 1401, EBUSY, 6, "the leg is the set's last in-sync one")   \
	X(LEG_OUT, 1402, EALREADY, 7, "the leg is out already")                \
	X(FAIL_FAILED, 1403, EIO, 1, "the leg could not be failed")            \
	X(DESTROY_FAILED, 1404, EIO, 1, "superblocks could not all be wiped")  \
	X(SET_DEGRADED, 2001, EIO, 1,                                          \
	  "a set has fewer in-sync legs than places")                          \
	X(SET_FAILED, 2002, EIO, 1, "a set has no in-sync leg")                \
	X(SET_WRITE_STOPPED, 2003, EIO, 1,                                     \
	  "a set's last leg failed: it takes no writes")                       \
	X(BLOCKS_LOST, 2004, EIO, 1, "no leg has a good copy of some blocks")  \
	X(NOT_SERVED, 2005, EIO, 1, "the array is waiting to be started")      \
	X(DEVICE_CUT, 2006, EIO, 1,                                            \
	  "the attached device lost its connection to raidd")                  \
	X(MEMBER_UNUSED, 2007, EIO, 1,                                         \
	  "a disk of this array was found and is not used")                    \
	X(LEG_ERRORS, 2008, EIO, 1, "a leg that is in use gave errors")        \
	X(LEG_HANGS, 2011, ETIMEDOUT, 1,                                       \
	  "a leg that is in use does not answer")                              \
	X(SALVAGED, 2020, EIO, 1,                                              \
	  "the array is served read-only, from what is left of it")            \
	X(USAGE, 4001, EINVAL, 2, "raidctl was not called rightly")            \
	X(UNREACHABLE, 4002, ECONNREFUSED, 3, "raidd does not answer")         \
	X(NOT_CONFIRMED, 4003, ECANCELED, 6,                                   \
	  "not confirmed: nothing was done")                                   \
	X(TIMED_OUT, 4004, ETIMEDOUT, 8, "it did not come about in time")      \
	X(ATTACH_FAILED, 4005, EIO, 1, "no block device could be made")        \
	X(DETACH_BUSY, 4006, EBUSY, 7, "the attached device is in use")        \
	X(DETACH_FAILED, 4007, EIO, 1,                                         \
	  "the attached device could not be taken away")                       \
	X(EXAMINE_FAILED, 4008, EIO, 1, "the member could not be read")        \
	X(NO_SUPERBLOCK, 4009, ENOENT, 4, "no superblock was found")           \
	X(ANSWER_BAD, 4010, EPROTO, 1, "raidd's answer made no sense")         \
	X(NO_PERMISSION, 4011, EACCES, 5, "the socket may not be opened")      \
	X(NO_SUCH_DISK, 4012, ENOENT, 4, "there is no such disk")              \
	X(DISK_PERMISSION, 4013, EACCES, 5, "the disk may not be read")        \
	X(VERIFY_FAILED, 4014, EIO, 1, "the array could not be read to its end")

#endif
