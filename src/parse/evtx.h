/* parse/evtx.h - Windows event logs (.evtx, version 3.x) as events.
 *
 * A file is a header of 4 KiB and chunks of 64 KiB, each of which can be read without the others:
 * many threads may take chunks of one file, each with a reader of its own; a stream is read by
 * handing on its bytes chunk by chunk. Inside a chunk records hold binary XML ([MS-EVEN6] 2.2.12
 * to 2.2.17) that names templates and strings by their offset in the chunk. A template becomes a
 * list of leaves once, and a record is then a walk over that list with its values.
 *
 * An event holds what rules call the fields, flat:
 *   System     Channel EventID Computer Provider_Name Provider_Guid EventSourceName Qualifiers
 *              Version Level Task Opcode Keywords EventRecordID ActivityID RelatedActivityID
 *              Execution_ProcessID Execution_ThreadID UserID; TimeCreated is @timestamp
 *   EventData  <Data Name="A b"> is Ab; <Data> without a name is Data, a list when there are many
 *   UserData   names below the wrapper, joined by dots: <X><Y Z="1"/></X> is Y.Z
 * and beside them the dictionary's names (winlog.def). Attributes are ELEMENT_ATTRIBUTE in System,
 * ELEMENT.ATTRIBUTE elsewhere. Names that would pretend to be the system's own are EventData.NAME.
 * UTF-16 becomes UTF-8; half a surrogate pair stays as the three bytes of its own (WTF-8), which no
 * rule is hindered by. A value that is absent is null, one that is empty is empty.
 *
 * Any bytes may come. Whatever they are, the work for a chunk is bounded (EVTX_LIMIT records say
 * so), nothing is read outside the chunk, and nothing is allocated per record but in ctx->arena.
 */
#ifndef PARSE_EVTX_H
#define PARSE_EVTX_H

#include "parse/parse.h"

enum { EVTX_HEADER_BYTES = 4096, EVTX_CHUNK_BYTES = 65536 };

struct evtx_file {
    struct slice bytes;     /* borrowed; a mapped file, or as much of it as there is */
    uint32_t chunks;        /* that the bytes hold, whatever the header says; the last may be cut */
    uint16_t chunks_stated; /* by the header: fewer in a log that was not closed */
    uint16_t major, minor;
    bool dirty; /* the log was in use: the header lags behind */
    bool full;
    bool checksum_bad; /* of the header */
};

/* Whether the first bytes (8 will do) are those of such a file. */
bool evtx_looks(struct slice head);

/* ERR_SYNTAX when the bytes do not begin like one, ERR_VERSION for a major version other than 3. A
 * header that is cut short or wrong otherwise is no error: the chunks tell. */
CHECKED enum err evtx_file_open(struct slice bytes, struct evtx_file *ret, struct diag *diag);

/* The bytes of chunk i; empty past the end. */
struct slice evtx_file_chunk(const struct evtx_file *f, uint32_t i);

/* What a reader met since it was made. */
struct evtx_stats {
    uint64_t chunks;       /* with a chunk's magic */
    uint64_t chunks_empty; /* zeroes: room for later */
    uint64_t chunks_magic; /* neither: searched for records where recovery is on */
    uint64_t chunks_checksum;
    uint64_t records;   /* that became events, the recovered ones not counted */
    uint64_t recovered; /* found past the end of a chunk's records, or in a damaged chunk */
    uint64_t bad;       /* records told as EVTX_BAD */
};

/* One per thread, for any number of files. 150 KiB, and at most 18 MiB for names and templates. */
struct evtx_reader;
void evtx_reader_free(struct evtx_reader *r);
FREED_BY(evtx_reader_free) struct evtx_reader *evtx_reader_new(void);

/* Whether what lies outside the stated records is searched for more. Off when made; behind a record
 * that is damaged the search goes on in any case. Events found that way have
 * winlog.recovered = true. */
void evtx_reader_recover(struct evtx_reader *r, bool on);

/* Begins a chunk: up to EVTX_CHUNK_BYTES, borrowed until the next. */
void evtx_reader_chunk(struct evtx_reader *r, struct slice chunk);

enum evtx_got {
    EVTX_END,   /* no more in this chunk */
    EVTX_EVENT, /* *ret_ev is filled */
    EVTX_BAD,   /* a record that can't be read; diag (may be NULL) says why; go on */
};

/* The next record. `from` gives what every event has of its origin (id, received_ns, org, source,
 * name); its payload is not looked at. ev->record is NULL. The time is the record's own, however
 * old. The event lives until the next chunk and as long as ctx->arena. */
CHECKED enum evtx_got evtx_reader_next(struct evtx_reader *r, struct parse_ctx *ctx,
                                       const struct record *from, struct event *ret_ev,
                                       struct diag *diag);

struct evtx_stats evtx_reader_stats(const struct evtx_reader *r);

#endif
