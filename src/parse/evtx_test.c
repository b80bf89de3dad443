/* Event logs written by the test itself: names, types, damage and hostility. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "parse/evtx_make_int.h"
#include "parse/try_int.h"

#define SYSTEM_XML                                                                                 \
    "<System><Provider Name=\"Prov\" Guid=\"{a}\"/><EventID Qualifiers=\"7\">4688</EventID>"       \
    "<Keywords>0x8020000000000000</Keywords><EventRecordID>5</EventRecordID>"                      \
    "<TimeCreated SystemTime=\"2019-05-14T20:43:20.9531250Z\"/><Correlation/>"                     \
    "<Channel>Security</Channel><Computer>PC1</Computer></System>"
#define EVENT_XML(data) "<Event xmlns=\"x\">" SYSTEM_XML data "</Event>"

static struct evtx_make make;
static struct evtx_reader *reader;
static struct arena arena;

static enum evtx_got next(struct event *ev, struct diag *d)
{
    struct parse_ctx ctx = {.arena = &arena};
    struct record from = {.received_ns = TRY_RECEIVED_NS, .name = SLICE("log")};

    return evtx_reader_next(reader, &ctx, &from, ev, d);
}

static void open_chunk(size_t n)
{
    struct evtx_file f;

    arena_reset(&arena);
    assert_int_equal(evtx_file_open((struct slice){make.file, n}, &f, NULL), ERR_NONE);
    evtx_reader_chunk(reader, evtx_file_chunk(&f, 0));
}

/* Seeds for the fuzz target, which puts a chunk's header in front by itself. */
static void save_seed(const char *what, size_t i)
{
    const char *folder = getenv("COLOA_SEEDS");
    char path[4096];

    if (!folder)
        return;
    (void)snprintf(path, sizeof(path), "%s/%s-%zu", folder, what, i);
    FILE *f = fopen(path, "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(make.chunk + 512, 1, make.at - 512, f), make.at - 512);
    assert_int_equal(fclose(f), 0);
}

static struct event *first(void)
{
    static struct event ev;
    struct diag d = {0};

    assert_false(make.full);
    open_chunk(MAKE_BYTES);
    if (next(&ev, &d) != EVTX_EVENT)
        fail_msg("no event: %s", d.text);
    return &ev;
}

static void expect(struct event *ev, const char *want)
{
    char name[128];
    size_t eq = strcspn(want, "=");

    if (want[0] == '!') {
        if (try_field(ev, want + 1))
            fail_msg("%s is there", want + 1);
        return;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)eq, want);
    const char *got = try_field(ev, name);
    if (!got || strcmp(got, want + eq + 1) != 0)
        fail_msg("wanted %s, got %s", want, got ? got : "nothing");
}

static const struct make_value none[] = {{.type = 0xff}};

static void names_are_those_of_rules(void **unused)
{
    static const struct {
        const char *xml, *want[9];
    } cases[] = {
        {EVENT_XML("<EventData><Data Name=\"New ProcessName\">C:\\a\\b.exe</Data><Data "
                   "Name=\"CommandLine\">b -x</Data></EventData>"),
         {"NewProcessName=C:\\a\\b.exe", "CommandLine=b -x", "process.command_line=b -x",
          "process.executable=C:\\a\\b.exe", "process.name=b.exe", "Channel=Security",
          "winlog.channel=Security", "event.code=4688"}},
        {EVENT_XML("<EventData><Data>one</Data><Data>two</Data><Data/></EventData>"),
         {"Data=one|two|", "EventID=4688", "Qualifiers=7", "Provider_Name=Prov",
          "Provider_Guid={a}", "Computer=PC1", "host.name=PC1", "event.outcome=success",
          "@timestamp=2019-05-14T20:43:20.953125Z"}},
        {EVENT_XML(
             "<UserData><Wrap xmlns=\"q\"><A>1</A><B C=\"2\"/><D><E>3</E></D></Wrap></UserData>"),
         {"A=1", "B.C=2", "D.E=3", "!Wrap", "!xmlns", "event.category=process",
          "event.module=windows"}},
        {EVENT_XML(
             "<EventData><Data Name=\"Channel\">x</Data><Data Name=\"event.code\">1</Data><Data "
             "Name=\"coloa.org\">2</Data></EventData>"),
         {"Channel=Security", "EventData.Channel=x", "event.code=4688", "EventData.event.code=1",
          "EventData.coloa.org=2", "coloa.org=0"}},
        {EVENT_XML("<RenderingInfo "
                   "Culture=\"vi\"><Message>said</Message><Level>Error</Level></RenderingInfo>"),
         {"message=said", "RenderingInfo.Level=Error", "RenderingInfo.Culture=vi"}},
        {EVENT_XML("<EventData Name=\"N\"><Binary>AB</Binary></EventData>"),
         {"EventData.Name=N", "Binary=AB", "clock_suspect=false", "coloa.source=log"}},
    };

    (void)unused;
    for (size_t way = 0; way < 2; way++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            evtx_make_begin(&make);
            if (way)
                (void)evtx_make_plain(&make, cases[i].xml);
            else
                (void)evtx_make_record(&make, cases[i].xml, none);
            evtx_make_end(&make);
            save_seed(way ? "plain" : "template", i);
            struct event *ev = first();
            expect(ev, "!coloa.reason");
            expect(ev, "!winlog.recovered");
            for (size_t k = 0; k < ARRAY_LEN(cases[i].want) && cases[i].want[k]; k++)
                expect(ev, cases[i].want[k]);
        }
    }
}

#define BYTES(s) (s), sizeof(s) - 1

static void values_are_written_as_windows_writes_them(void **unused)
{
    static const struct {
        uint8_t type;
        const char *bytes;
        size_t n;
        const char *want;
    } cases[] = {
        {0x01, BYTES("a\0b\0"), "ab"},
        {0x01, BYTES("a\0b\0\0\0\0\0"), "ab"},
        {0x01, BYTES("\x7f\x1e\xc7\x1e"), "\xe1\xb9\xbf\xe1\xbb\x87"},
        {0x01, BYTES("\x3d\xd8\x00\xde"), "\xf0\x9f\x98\x80"},
        {0x01, BYTES("\x3d\xd8x\0"), "\xed\xa0\xbdx"}, /* half a pair: WTF-8 */
        {0x01, BYTES("\x00\xde"), "\xed\xb8\x80"},
        {0x01, BYTES("a\0b"), "a"},
        {0x02, BYTES("ansi\0"), "ansi"},
        {0x03, BYTES("\xff"), "-1"},
        {0x04, BYTES("\xff"), "255"},
        {0x05, BYTES("\x00\x80"), "-32768"},
        {0x06, BYTES("\xff\xff"), "65535"},
        {0x07, BYTES("\xfe\xff\xff\xff"), "-2"},
        {0x08, BYTES("\xfe\xff\xff\xff"), "4294967294"},
        {0x09, BYTES("\0\0\0\0\0\0\0\x80"), "-9223372036854775808"},
        {0x0a, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615"},
        {0x0b, BYTES("\0\0\xc0\x3f"), "1.5"},
        {0x0c, BYTES("\0\0\0\0\0\0\xf8\x3f"), "1.5"},
        {0x0d, BYTES("\x01\0\0\0"), "true"},
        {0x0d, BYTES("\0\0\0\0"), "false"},
        {0x0d, BYTES("\0\x07\0\0"), "true"},
        {0x0e, BYTES("\x00\xAf"), "00AF"},
        {0x0f, BYTES("\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
         "{00112233-4455-6677-8899-aabbccddeeff}"},
        {0x10, BYTES("\xec\x7e\0\0"), "0x7eec"},
        {0x11, BYTES("\x01\x80\x3e\xd5\xde\xb1\x9d\x01"), "1970-01-01T00:00:00.0000001Z"},
        {0x12, BYTES("\xe3\x07\x05\0\x02\0\x0e\0\x14\0\x2b\0\x14\0\x7b\0"),
         "2019-05-14T20:43:20.123Z"},
        {0x13, BYTES("\x01\x02\0\0\0\0\0\x05\x20\0\0\0\x20\x02\0\0"), "S-1-5-32-544"},
        {0x13, BYTES("\x01\x02\0\0\0\0\0\x05\x20\0\0\0"), "S-1-5-32"},
        {0x14, BYTES("\x1a\x2b\0\0"), "0x2b1a"},
        {0x15, BYTES("\0\0\0\0\0\0\0\x80"), "0x8000000000000000"},
        {0x81, BYTES("a\0\0\0b\0c\0\0\0"), "a|bc"},
        {0x81, BYTES("a\0\0\0\0\0b\0"), "a||b"},
        {0x86, BYTES("\x01\0\x02\0\x03"), "1|2"},
        {0x77, BYTES("\x01\x02"), "0102"},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct make_value v[] = {{cases[i].type, cases[i].bytes, cases[i].n, NULL}, {.type = 0xff}};
        evtx_make_begin(&make);
        (void)evtx_make_record(&make,
                               EVENT_XML("<EventData><Data Name=\"V\">%0</Data></EventData>"), v);
        evtx_make_end(&make);
        if (i % 3 == 0)
            save_seed("type", i);
        const char *got = try_field(first(), "V");
        if (!got || strcmp(got, cases[i].want) != 0)
            fail_msg("type %02x: wanted %s, got %s", cases[i].type, cases[i].want,
                     got ? got : "nothing");
    }
}

static void values_and_names_come_together(void **unused)
{
    static const struct make_value inner[] = {{0x01, BYTES("i\0n\0"), NULL}, {.type = 0xff}};
    static const struct make_value v[] = {
        {0x21, "<EventData><Data Name=\"Deep\">%0</Data></EventData>", 0, inner},
        {0x01, BYTES("x\0y\0"), NULL},
        {0x00, "", 0, NULL},
        {.type = 0xff},
    };

    (void)unused;
    evtx_make_begin(&make);
    (void)evtx_make_record(&make,
                           "<Event>" SYSTEM_XML "%0<EventData><Data Name=\"%1 z\">a%1b%2?</Data>"
                           "<Data Name=\"Gone\">%2?</Data><Data Name=\"Null\">%2</Data>"
                           "<Data Name=\"Past\">%9</Data></EventData></Event>",
                           v);
    evtx_make_end(&make);
    save_seed("values", 0);
    struct event *ev = first();
    expect(ev, "Deep=in");
    expect(ev, "xyz=axyb");
    expect(ev, "!Gone");
    expect(ev, "Null=");
    expect(ev, "Past=");
    expect(ev, "!coloa.reason");
    assert_int_equal(event_get_name(ev, SLICE("Null"))->type, VT_NULL);
}

static void nul_in_the_midst_stays(void **unused)
{
    static const struct make_value v[] = {{0x01, BYTES("a\0\0\0b\0"), NULL}, {.type = 0xff}};

    (void)unused;
    evtx_make_begin(&make);
    (void)evtx_make_record(&make, EVENT_XML("<EventData><Data Name=\"V\">%0</Data></EventData>"),
                           v);
    evtx_make_end(&make);
    const struct value *got = event_get_name(first(), SLICE("V"));
    assert_non_null(got);
    assert_true(slice_eq(got->text, (struct slice){"a\0b", 3}));
}

/* Events, BAD ones and recovered ones of the chunk as it is. */
static void count(unsigned *events, unsigned *bad, unsigned *recovered)
{
    struct event ev;
    enum evtx_got got;

    *events = *bad = *recovered = 0;
    open_chunk(MAKE_BYTES);
    while ((got = next(&ev, NULL)) != EVTX_END) {
        *events += got == EVTX_EVENT;
        *bad += got == EVTX_BAD;
        *recovered += got == EVTX_EVENT && try_field(&ev, "winlog.recovered");
    }
}

static void assert_counts(unsigned events, unsigned bad, unsigned recovered)
{
    unsigned got[3];

    count(&got[0], &got[1], &got[2]);
    if (got[0] != events || got[1] != bad || got[2] != recovered)
        fail_msg("%u events, %u bad, %u recovered; wanted %u, %u, %u", got[0], got[1], got[2],
                 events, bad, recovered);
}

static void three_records(size_t at[3])
{
    evtx_make_begin(&make);
    for (size_t i = 0; i < 3; i++)
        at[i] = evtx_make_record(
            &make, EVENT_XML("<EventData><Data Name=\"V\">value</Data></EventData>"), none);
    evtx_make_end(&make);
}

static void damage_hides_nothing(void **unused)
{
    size_t at[3];
    uint32_t end;

    (void)unused;
    three_records(at);
    assert_counts(3, 0, 0);
    struct evtx_stats before = evtx_reader_stats(reader);
    make.chunk[0x34] ^= 1;
    (void)first();
    assert_int_equal(evtx_reader_stats(reader).chunks_checksum, before.chunks_checksum + 1);
    three_records(at);
    make.chunk[at[1]] = 0; /* no record where one should be */
    assert_counts(2, 1, 1);
    three_records(at);
    memset(make.chunk + at[1] + 4, 0, 4); /* a size of zero */
    assert_counts(2, 1, 1);
    three_records(at);
    make.chunk[at[2] - 4] ^= 1; /* the size at the end: the record is read all the same */
    assert_counts(3, 0, 2);
    three_records(at);
    end = (uint32_t)at[1]; /* a header that lags behind */
    memcpy(make.chunk + 0x30, &end, 4);
    assert_counts(3, 0, 0);
    three_records(at);
    memset(make.chunk, 0x55, 8); /* no chunk */
    assert_counts(0, 0, 0);
    evtx_reader_recover(reader, true);
    assert_counts(3, 0, 3);
    three_records(at);
    end = 512;
    memcpy(make.chunk + 0x30, &end, 4);
    make.chunk[at[0] + 8] = 9; /* another generation's number */
    assert_counts(3, 0, 3);
    evtx_reader_recover(reader, false);
    assert_counts(0, 0, 0);
}

static void hostile_chunks_are_bounded(void **unused)
{
    size_t at[3];
    uint32_t v;

    (void)unused;
    for (size_t i = 0; i < 120; i++) { /* one template deep in itself, or far away, or nowhere */
        three_records(at);
        v = (uint32_t)(i % 2 ? at[1] + i : i * 1000);
        memcpy(make.chunk + at[1] + 24 + 4 + 6, &v, 4);
        unsigned got[3];
        count(&got[0], &got[1], &got[2]);
        assert_in_range(got[0], 2, 3);
    }
    evtx_make_begin(&make);
    for (size_t i = 0; i < 60; i++) { /* elements in elements */
        static char deep[4096];
        size_t n = 0;
        for (size_t k = 0; k < i; k++)
            n += (size_t)snprintf(deep + n, sizeof(deep) - n, "<e>");
        (void)evtx_make_plain(&make, deep);
    }
    evtx_make_end(&make);
    unsigned got[3];
    count(&got[0], &got[1], &got[2]);
    assert_int_equal(got[0] + got[1], 60);
}

static void nested_templates_end_somewhere(void **unused)
{
    static struct make_value v[12][2];

    (void)unused;
    for (size_t i = 0; i < 12; i++) {
        v[i][0] = (struct make_value){0x21, "<EventData>%0</EventData>", 0, i ? v[i - 1] : none};
        v[i][1] = (struct make_value){.type = 0xff};
    }
    evtx_make_begin(&make);
    (void)evtx_make_record(&make, "<Event>" SYSTEM_XML "%0</Event>", v[11]);
    evtx_make_end(&make);
    save_seed("nested", 0);
    struct event *ev = first();
    expect(ev, "coloa.reason=evtx: binary XML nested too deep");
    assert_true(ev->overflow);
}

/* One value of 40 KB in 400 places: the output has a ceiling. */
static void output_is_bounded(void **unused)
{
    static char big[40000], xml[20000];
    struct make_value v[] = {{0x01, big, sizeof(big), NULL}, {.type = 0xff}};
    size_t n = 0;

    (void)unused;
    memset(big, 'a', sizeof(big));
    n += (size_t)snprintf(xml, sizeof(xml), "<Event>" SYSTEM_XML "<EventData>");
    for (size_t i = 0; i < 200; i++)
        n += (size_t)snprintf(xml + n, sizeof(xml) - n, "<D%zu>%%0</D%zu>", i, i);
    (void)snprintf(xml + n, sizeof(xml) - n, "</EventData></Event>");
    evtx_make_begin(&make);
    (void)evtx_make_record(&make, xml, v);
    evtx_make_end(&make);
    struct event *ev = first();
    assert_true(ev->overflow);
    assert_in_range(arena.total_bytes, 1, 8 << 20);
    expect(ev, "Channel=Security");
}

/* More names than a reader keeps, chunk after chunk: each chunk's are there. */
static void new_names_for_ever_are_fine(void **unused)
{
    static char xml[12000];

    (void)unused;
    for (unsigned round = 0; round < 200; round++) {
        size_t n = (size_t)snprintf(xml, sizeof(xml), "<Event>" SYSTEM_XML "<EventData>");
        for (unsigned i = 0; i < 300; i++)
            n += (size_t)snprintf(xml + n, sizeof(xml) - n, "<Name%u>x</Name%u>", round * 300 + i,
                                  round * 300 + i);
        (void)snprintf(xml + n, sizeof(xml) - n, "</EventData></Event>");
        evtx_make_begin(&make);
        (void)evtx_make_record(&make, xml, none);
        evtx_make_end(&make);
        struct event *ev = first();
        (void)snprintf(xml, sizeof(xml), "Name%u=x", round * 300 + 299);
        expect(ev, xml);
        expect(ev, "!coloa.reason");
    }
}

static void any_length_is_fine(void **unused)
{
    size_t at[3];

    (void)unused;
    three_records(at);
    for (size_t n = EVTX_HEADER_BYTES; n < EVTX_HEADER_BYTES + make.at + 64; n++) {
        char *own = malloc(n); /* so that a read past the end is seen */
        struct evtx_file f;
        struct event ev;
        unsigned events = 0;
        enum evtx_got got;
        assert_non_null(own);
        memcpy(own, make.file, n);
        arena_reset(&arena);
        assert_int_equal(evtx_file_open((struct slice){own, n}, &f, NULL), ERR_NONE);
        evtx_reader_chunk(reader, evtx_file_chunk(&f, 0));
        while ((got = next(&ev, NULL)) != EVTX_END)
            events += got == EVTX_EVENT;
        assert_int_equal(events, n < EVTX_HEADER_BYTES + at[1]     ? 0
                                 : n < EVTX_HEADER_BYTES + at[2]   ? 1
                                 : n < EVTX_HEADER_BYTES + make.at ? 2
                                                                   : 3);
        free(own);
    }
}

static void files_are_known_by_their_beginning(void **unused)
{
    struct evtx_file f;
    size_t at[3];

    (void)unused;
    three_records(at);
    assert_true(evtx_looks((struct slice){make.file, 8}));
    assert_false(evtx_looks((struct slice){make.file, 7}));
    assert_int_equal(evtx_file_open(SLICE("ElfFile"), &f, NULL), ERR_SYNTAX);
    assert_int_equal(evtx_file_open((struct slice){make.file, 8}, &f, NULL), ERR_NONE);
    assert_int_equal(f.chunks, 0);
    assert_int_equal(evtx_file_chunk(&f, 0).n, 0);
    assert_int_equal(evtx_file_open((struct slice){make.file, MAKE_BYTES}, &f, NULL), ERR_NONE);
    assert_int_equal(f.chunks, 1);
    assert_int_equal(f.chunks_stated, 1);
    assert_false(f.checksum_bad);
    make.file[0x26] = 4;
    assert_int_equal(evtx_file_open((struct slice){make.file, MAKE_BYTES}, &f, NULL), ERR_VERSION);
}

static int begin(void **unused)
{
    (void)unused;
    arena_init(&arena, 64 << 20);
    reader = evtx_reader_new();
    return reader ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    evtx_reader_free(reader);
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_rules),
        cmocka_unit_test(values_are_written_as_windows_writes_them),
        cmocka_unit_test(values_and_names_come_together),
        cmocka_unit_test(nul_in_the_midst_stays),
        cmocka_unit_test(damage_hides_nothing),
        cmocka_unit_test(hostile_chunks_are_bounded),
        cmocka_unit_test(nested_templates_end_somewhere),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(new_names_for_ever_are_fine),
        cmocka_unit_test(any_length_is_fine),
        cmocka_unit_test(files_are_known_by_their_beginning),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
