/* SPDX-License-Identifier: MIT */
/*
 * Bugs planted to test the tests: each a way to break one of the rules of
 * doc/design.md, compiled in by -DPLANT=PLANT_name alone.  In production
 * PLANTED() is a constant 0 and nothing of it is compiled.  tests/planted/run
 * builds each and has the simulator find it.
 *
 * X(name, rule, hole, what is broken): the hole is the interleaving it opens
 * again (H1 to H29, doc/design.md), or what an earlier review had found.
 */
#ifndef RAID_PLANT_H
#define RAID_PLANT_H

#define PLANTS(X)                                                              \
	X(DATA_WITHOUT_DIRTY, "R1", "-",                                       \
	  "no record says DIRTY before data goes to a clean unit")             \
	X(DATA_BESIDE_DIRTY, "R1", "-",                                        \
	  "a second write does not wait for the record that says DIRTY")       \
	X(ACK_BEFORE_LAST_LEG, "R2", "H11",                                    \
	  "a write is answered while one of its legs still writes")            \
	X(ACK_BEFORE_EPOCH, "R2", "H5",                                        \
	  "a write that a leg failed is answered before the epoch without it") \
	X(EPOCH_IN_FORCE_EARLY, "R2", "H5",                                    \
	  "an epoch counts when its superblock writes are submitted")          \
	X(WRITE_ERROR_IGNORED, "R2", "-",                                      \
	  "a leg that fails a data write stays in-sync")                       \
	X(APPEND_ERROR_IGNORED, "R2", "H10",                                   \
	  "a leg that fails an append stays in-sync")                          \
	X(PAGE_ERROR_IGNORED, "R2", "-",                                       \
	  "a leg that fails a page of sums stays in-sync")                     \
	X(MAP_ERROR_IGNORED, "R2", "H16",                                      \
	  "a leg that fails a checkpoint stays in-sync")                       \
	X(FLUSH_BESIDE_FAILING_LEG, "R2", "review",                            \
	  "a FLUSH does not wait for the epoch without a leg that failed")     \
	X(STUCK_EPOCH_ACKS, "R2", "H19",                                       \
	  "what waits for an epoch that cannot be is answered with success")   \
	X(CREATE_WAITS_FOR_EPOCH, "R2", "review",                              \
	  "a leg that fails while an array is created is waited for")          \
	X(FLUSH_JOINS_UNDERWAY, "R3", "H18",                                   \
	  "a FLUSH joins the leg flush that is under way")                     \
	X(FLUSH_COVERS_LATER, "R3", "H18",                                     \
	  "a leg flush covers what completed before its own completion")       \
	X(FLUSH_LEAVES_OUT_LEG, "R3", "-",                                     \
	  "only the first leg of a set is flushed")                            \
	X(FLUSH_OF_ONE_SET, "R3", "-", "a FLUSH flushes the first set only")   \
	X(FLUSH_WITHOUT_SUMS, "R3", "-",                                       \
	  "a FLUSH does not wait for sums to be journaled")                    \
	X(FUA_WITHOUT_SUM, "R3", "-",                                          \
	  "a FUA write to a DIRTY unit makes no record of its sums")           \
	X(RETRY_FAILED_FLUSH, "R3", "H10", "a failed flush is tried again")    \
	X(SUMS_OUT_OF_ORDER, "R3", "H14",                                      \
	  "a block's newer sum is journaled before the older")                 \
	X(SUPERSEDED_SUM_UNQUEUED, "R3", "review",                             \
	  "a sum superseded before it was journaled leaves none in the queue") \
	X(SUPERSEDED_SUM_PAGED, "R21", "review",                               \
	  "a newer sum takes the place of one that a page holds")              \
	X(FIRST_RECORD_BESIDE_DATA, "R4", "H2",                                \
	  "the record of a first write goes out beside its data")              \
	X(FIRST_WRITE_CACHED, "R4", "H2",                                      \
	  "a first write's data is not durable before its record")             \
	X(PARTIAL_FIRST_WRITE, "R4", "H15",                                    \
	  "a small write to an unwritten block writes its sectors only")       \
	X(CLEAN_BEFORE_FLUSH, "R5", "H17",                                     \
	  "a unit becomes CLEAN without a flush")                              \
	X(CLEAN_BY_FLUSH_UNDERWAY, "R5", "H17",                                \
	  "a flush that began before the last write ended makes a unit CLEAN") \
	X(CLEAN_WITH_WRITE_IN_FLIGHT, "R5", "H17",                             \
	  "a unit becomes CLEAN with a write in flight")                       \
	X(WRITE_JOINS_CLEAN, "R5", "H17",                                      \
	  "a unit counts as DIRTY until its CLEAN record is durable")          \
	X(CLEAN_BEFORE_RESYNC, "R16", "-",                                     \
	  "a unit becomes CLEAN before it was resynced")                       \
	X(STOP_LOOKS_AT_RESYNC, "R5", "review",                                \
	  "a stop looks for units to clean among those to be resynced")        \
	X(LAST_LEG_GOES_ON_AFTER_FLUSH, "R7", "H10",                           \
	  "the last leg takes writes after a failed flush")                    \
	X(LAST_LEG_GOES_ON_AFTER_APPEND, "R7", "H10",                          \
	  "the last leg takes appends after a failed one")                     \
	X(LAST_LEG_EVICTED, "R7", "-", "the last leg of a set is evicted")     \
	X(UNDECIDED_NOT_RESYNCED, "R7", "H28",                                 \
	  "what the last leg failed to write is not decided anew")             \
	X(FAILED_APPEND_FORGOTTEN, "R7", "review",                             \
	  "blocks of a failed append read as if it had never been")            \
	X(READ_WAITS_IN_VAIN, "R7", "review",                                  \
	  "a read waits for a resync that cannot be recorded")                 \
	X(SMALL_WRITES_SHARE_LOCK, "R9", "H15",                                \
	  "writes smaller than a block take a shared lock")                    \
	X(READ_BESIDE_WRITE, "R9", "-", "reads do not wait for writes")        \
	X(DISCARD_OUTSIDE_LOCK, "R22", "H14",                                  \
	  "the lock of a discard goes before the members' own discard")        \
	X(REPAIR_WITHOUT_LOCK, "R9", "-", "a repair takes no range lock")      \
	X(HUNG_LEG_WAITED_FOR, "R10", "review",                                \
	  "a leg that hangs is waited for")                                    \
	X(TIMED_OUT_BUFFER_REUSED, "R10", "H11",                               \
	  "a slow read's buffer is read into again from another leg")          \
	X(DEADLINE_ALONE_EVICTS, "R10", "H27",                                 \
	  "a leg is evicted for a deadline though no other leg answers")       \
	X(NOTHING_VERIFIED, "R11", "-", "what is read is not checked")         \
	X(MISMATCH_NOT_REPAIRED, "R11", "-", "a bad copy stays as it is")      \
	X(REPAIR_UNVERIFIED, "R11", "-",                                       \
	  "a repair copies the lowest leg, verified or not")                   \
	X(LOST_BLOCK_RETURNED, "R11", "-",                                     \
	  "a block that no leg verifies is returned as it is")                 \
	X(PAGE_NOT_VERIFIED, "R11", "-",                                       \
	  "a page of sums is not checked against the map")                     \
	X(LOST_NOT_LISTED, "R11", "I20",                                       \
	  "a block that no leg verifies is not put on the list")               \
	X(LOST_NOT_REPEATED, "R20", "I20",                                     \
	  "a checkpoint does not say again what is lost")                      \
	X(LOST_REMOVED_BEFORE_DURABLE, "R11", "I20",                           \
	  "an entry goes when its overwriting is sent, not durable")           \
	X(LOST_KEPT_AFTER_DISCARD, "R22", "I20",                               \
	  "a block that was discarded stays on the list")                      \
	X(LOST_NOT_LOOKED_AT, "R11", "I20",                                    \
	  "a start does not look again at what is listed as lost")             \
	X(LOST_DECIDED, "R17", "I20",                                          \
	  "a block that no leg gave after a crash is settled all the same")    \
	X(LOST_ACCEPTED, "R17", "I20",                                         \
	  "the last resort takes what the legs have of a lost block")          \
	X(SUBBLOCK_WRITE_OVER_LOST, "R11", "H15",                              \
	  "part of a block that no leg verifies can be written")               \
	X(UNWRITTEN_READS_DISK, "R12", "-",                                    \
	  "unwritten blocks beside written ones read as the disk has them")    \
	X(ONLY_NEWEST_EPOCH_COUNTS, "R13", "H3",                               \
	  "a leg is counted by the newest epoch alone")                        \
	X(EPOCH_MARKED_EARLY, "R13", "H3",                                     \
	  "an epoch says of itself that it is in force")                       \
	X(EPOCH_TAKEN_BACK, "R13", "H20",                                      \
	  "an epoch that a member failed to write is replaced, not followed")  \
	X(SERVED_BEFORE_EPOCH, "R13", "H3",                                    \
	  "an array serves before its start's epoch is in force")              \
	X(SUPERBLOCKS_ONE_END, "R13", "-",                                     \
	  "superblocks are written at the front only")                         \
	X(SUPERBLOCK_WITHOUT_FUA, "R13", "-",                                  \
	  "superblocks are not durable when their epoch is in force")          \
	X(SUPERBLOCK_IN_PLACE, "R13", "-",                                     \
	  "a superblock is written over the newest one")                       \
	X(LAST_SUPERBLOCK_TAKEN, "R13", "-",                                   \
	  "of a member's superblocks the last one counts, not the newest")     \
	X(START_WITHOUT_EPOCH, "R13", "H3",                                    \
	  "a start goes on with the epoch it found")                           \
	X(STALE_LEG_USED, "R14", "-",                                          \
	  "a member that the freshest epoch calls stale is used")              \
	X(OLD_MEMBER_TRUSTED, "R14", "H21",                                    \
	  "a member from before the epoch in force is taken for in-sync")      \
	X(HONEST_CRASH_IS_FORK, "R14", "H26",                                  \
	  "what an honest start left behind is refused as a fork")             \
	X(LONG_ABSENCE_IS_FORK, "R14", "H29",                                  \
	  "a member away for more epochs than are listed is a fork")           \
	X(FORCE_IGNORED, "R14", "-",                                           \
	  "an epoch made by force can be void like any other")                 \
	X(STARTS_WITHOUT_WHOLE_SET, "R15", "-",                                \
	  "an array starts though no set is whole")                            \
	X(READ_UNSYNCED, "R16", "H7",                                          \
	  "a DIRTY unit is read before it was resynced")                       \
	X(WRITE_UNSYNCED, "R16", "-",                                          \
	  "a DIRTY unit is written before it was resynced")                    \
	X(NO_RESYNC, "R16", "-",                                               \
	  "DIRTY units found at a start are not resynced")                     \
	X(REPAIR_WITHOUT_FUA, "R16", "H7",                                     \
	  "what resync and repair rewrite is not durable")                     \
	X(FAILED_WRITE_NOT_FLUSHED, "R16", "review",                           \
	  "what a failed write left in a cache is not flushed before it is "   \
	  "read")                                                              \
	X(RESYNC_NOT_RECORDED, "R16", "-",                                     \
	  "what resync decided is in no record")                               \
	X(NEWEST_SUM_ONLY, "R17", "H2",                                        \
	  "of a block's sums in the journal only the newest is looked for")    \
	X(SUM_BELOW_BASE_VOUCHES, "R17", "H24",                                \
	  "a sum older than the base vouches for a leg")                       \
	X(SECTORS_IGNORED, "R17", "H23",                                       \
	  "the last resort takes a leg whose sectors may tear a block")        \
	X(CLEAN_IS_NO_BASE, "R17", "H24",                                      \
	  "in replay a CLEAN record settles nothing")                          \
	X(NO_LAST_RESORT, "R17", "-",                                          \
	  "a block that no sum vouches for is left undecided")                 \
	X(EVIDENCE_NOT_PINNED, "R17", "review",                                \
	  "the page of sums may go while evidence is weighed")                 \
	X(DECISION_OVERTAKEN, "R3", "review",                                  \
	  "a sum that waits is journaled after what resync decided")           \
	X(STALE_MARK_MISSING, "R18", "H12",                                    \
	  "changes of a region are not marked for legs that are out")          \
	X(EVICTED_LEG_NOT_STALE, "R18", "H21",                                 \
	  "a leg evicted at a start is not marked stale")                      \
	X(START_WITHOUT_FLUSH, "R19", "H7",                                    \
	  "a start reads what may be in volatile caches")                      \
	X(GAP_APPENDED, "R19", "H4",                                           \
	  "journals are not made equal before a run appends")                  \
	X(DAMAGE_READS_AS_END, "R19", "H9",                                    \
	  "a damaged record reads as the end of the chain")                    \
	X(LAGGING_LEG_ACCEPTED, "R19", "H21",                                  \
	  "a leg that lost appends stays in-sync")                             \
	X(FIRST_CHAIN_WINS, "R19", "H21",                                      \
	  "the chain of the first leg is the set's, not the longest")          \
	X(TORN_RECORD_REPLAYED, "R19", "-",                                    \
	  "the CRC of a journal block is not checked")                         \
	X(OLDER_MAP_TAKEN, "R19", "-", "the older copy of the map is read")    \
	X(LOST_MAP_BLOCK_TAKEN, "R24", "review",                               \
	  "a map with a block of another time is taken for whole")             \
	X(MAP_NOT_VERIFIED, "R24", "-",                                        \
	  "the CRC of a map block is not checked")                             \
	X(CHECKPOINT_LEFT_IN_RING, "R20", "review",                            \
	  "what a crash left of a checkpoint stays in the ring")               \
	X(JOURNAL_WITHOUT_FUA, "R20", "-", "appends are not durable")          \
	X(RESERVE_TAKEN, "R20", "H16",                                         \
	  "clients leave no room for a checkpoint")                            \
	X(RING_FREED_EARLY, "R20", "H16",                                      \
	  "ring space is free before the checkpoint is durable")               \
	X(OLDER_CHECKPOINT_OVERWRITTEN, "R20", "H16",                          \
	  "the ring counts from the newest checkpoint of any leg")             \
	X(MAP_HEADER_WITHOUT_FUA, "R20", "H16",                                \
	  "the map's header is not durable when ring space is freed")          \
	X(MAP_HEADER_BEFORE_FLUSH, "R20", "H16",                               \
	  "the map's header goes out before its blocks are durable")           \
	X(MAP_IN_PLACE, "R20", "H16",                                          \
	  "the map is written over the copy in use")                           \
	X(CHECKPOINT_FORGETS_UNITS, "R20", "H16",                              \
	  "a checkpoint does not say DIRTY units again")                       \
	X(CHECKPOINT_FORGETS_SUMS, "R20", "H16",                               \
	  "a checkpoint does not say sums again")                              \
	X(CHECKPOINT_SAYS_NEW, "R20", "-",                                     \
	  "records that a start may drop hold sums no other holds")            \
	X(CHECKPOINT_SAYS_VOID, "R22", "H14",                                  \
	  "a checkpoint says sums again that are unwritten by now")            \
	X(OWED_TAIL_DROPPED, "R20", "-",                                       \
	  "records are dropped that a header on another leg needs")            \
	X(MAP_ONE_COPY, "R20", "-",                                            \
	  "a change of the map reaches one of its copies only")                \
	X(PAGE_IN_PLACE, "R21", "H1",                                          \
	  "a page of sums is written over the one in use")                     \
	X(PAGE_COUNTS_UNFLUSHED, "R21", "-",                                   \
	  "a page of sums counts before its leg was flushed")                  \
	X(PAGE_OF_UNDONE_WRITES, "R21", "H17",                                 \
	  "a page holds sums of writes in flight")                             \
	X(PAGE_VOIDS_NEWER, "R21", "-",                                        \
	  "sums newer than a page are not said again behind it")               \
	X(PAGE_VOIDS_NOTHING, "R21", "-",                                      \
	  "in replay a page does not void the sums before it")                 \
	X(PAGE_OVERTAKEN, "R3", "review",                                      \
	  "a sum in a page is journaled after a newer one said again behind "  \
	  "it")                                                                \
	X(PAGE_SAYS_FULL, "R21", "-",                                          \
	  "a page with unwritten blocks is recorded as full")                  \
	X(SUM_DROPPED, "R21", "H16",                                           \
	  "a stored page drops sums from memory that are newer")               \
	X(STALE_PAGE_KEPT, "R21", "-",                                         \
	  "the cached page stays as it was when a new one is stored")          \
	X(STORE_SURVIVES_DISCARD, "R21", "H13",                                \
	  "a page composed before a discard is recorded after it")             \
	X(STOP_SPINS, "R21", "review",                                         \
	  "a stop looks all the time at who waits for a page")                 \
	X(STORE_RETRIED_AT_ONCE, "R21", "review",                              \
	  "a set that can store no page tries for ever")                       \
	X(DISCARD_BEFORE_RECORD, "R22", "H14",                                 \
	  "members discard before the record is durable")                      \
	X(DISCARD_UNCHECKED, "R22", "H14",                                     \
	  "members discard what was written since")                            \
	X(DISCARD_KEEPS_PAGE, "R22", "H13",                                    \
	  "a region that was discarded keeps its page of sums")                \
	X(DISCARD_ERROR_EVICTS, "R22", "-",                                    \
	  "a leg that refuses a discard is evicted")                           \
	X(DISCARD_ROUNDS_OUT, "R22", "A18",                                    \
	  "a discard rounds outwards to whole blocks")                         \
	X(WAITING_SUM_OVERTAKES, "R22", "H14",                                 \
	  "a sum that waits is journaled after \"unwritten\"")                 \
	X(LOST_PAGE_WRITTEN_IN_PART, "R24", "review",                          \
	  "part of a block whose page is lost can be written")                 \
	X(HEADER_UNREAD_IS_ABSENT, "R24", "review",                            \
	  "a map's header that cannot be read counts as not there")            \
	X(LOST_PAGE_READS_UNWRITTEN, "R24", "-",                               \
	  "blocks whose page of sums is lost read as unwritten")               \
	X(LOST_PAGE_STORED_ANEW, "R24", "-",                                   \
	  "a page that no leg has is stored anew")                             \
	X(BAD_PAGE_KEPT, "R11", "-",                                           \
	  "a leg's bad copy of a page of sums stays as it is")                 \
	X(SALVAGE_WRITES, "R24", "-", "a salvage takes writes")                \
	X(SALVAGE_TRUSTS_UNVERIFIED, "R24", "-",                               \
	  "a salvage returns what no sum vouches for")                         \
	X(SALVAGE_GAP_READS_ZEROS, "R24", "-",                                 \
	  "what a lost record may have said is taken for unwritten")           \
	X(WENT_BACK_LEFT_SO, "R19", "H21",                                     \
	  "metadata of a leg that went back while running stay as they are")   \
	X(CHAIN_MAY_END_EARLY, "R19", "H9",                                    \
	  "records before a checkpoint's end may be missing on all legs")      \
	X(ROTTEN_HEADER_LEFT, "R20", "review",                                 \
	  "a map header that made no sense stays, and may make sense again")   \
	X(PAGES_LEFT_BACK, "R21", "H21",                                       \
	  "of a leg that went back the pages of sums are left as they are")    \
	X(MAP_LEFT_BACK, "R19", "H21",                                         \
	  "of a leg that went back only the superblocks are written anew")     \
	X(UNWRITTEN_LEFT_UNREADABLE, "R11", "-",                               \
	  "an unwritten block that a leg cannot read is left so")              \
	X(ERROR_TOLD_TWICE, "R11", "-",                                        \
	  "a read error is told again when its unit is repaired")              \
	X(ZEROS_ARE_MISDIRECTED, "R11", "-",                                   \
	  "zeros in place of data are blamed on another block of zeros")       \
	X(OLDER_PAGE_IGNORED, "R17", "H24",                                    \
	  "a lost write that only the page before tells is a mismatch")        \
	X(LOST_TOLD_AGAIN, "R11", "-",                                         \
	  "each read of a lost block counts against its legs")

enum plant {
	PLANT_NONE,
#define X(name, rule, hole, broken) PLANT_##name,
	PLANTS(X)
#undef X
};

#ifndef PLANT
#define PLANT PLANT_NONE
#endif

#define PLANTED(name) (PLANT == PLANT_##name)

#endif
