#include "core/test.h"

#include <stdio.h>

#include "parse/winxml.h"

#define SYSTEM                                                                                     \
    "<System><Provider Name='P' Guid='{1}'/><EventID Qualifiers='0'>1</EventID><TimeCreated "      \
    "SystemTime='2026-11-20T08:00:03.1234567Z'/><Execution ProcessID='4' ThreadID='8'/>"           \
    "<Channel>C</Channel><Computer>pc</Computer></System>"
#define SYSTEM_WANT                                                                                \
    "Provider_Name=P|Provider_Guid={1}|Qualifiers=0|EventID=1|TimeCreated=2026-11-20T08:00:03."    \
    "1234567Z|Execution_ProcessID=4|Execution_ThreadID=8|Channel=C|Computer=pc|"

static const struct {
    const char *xml, *want; /* NULL: refused */
} cases[] = {
    {"<Event xmlns='u'>" SYSTEM "</Event>", SYSTEM_WANT},
    {"<Event><EventData><Data Name='A b'>x &amp; &lt;y&gt; &#x41;&#66;</Data><Data "
     "Name=\"E\"/><Data Name='N'>&unknown;&#x110000;</Data></EventData></Event>",
     "Ab=x & <y> AB|N=&unknown;&#x110000;|"},
    {"<Event><EventData><Data>1</Data><Data>2</Data><Binary>00</Binary></EventData></Event>",
     "Data=1|+Data=2|Binary=00|"},
    {"<Event><UserData><n:W xmlns:n='u'><X><Y Z='1'>2</Y></X><S>3</S></n:W></UserData></Event>",
     "X.Y.Z=1|X.Y=2|S=3|"},
    {"<Event><EventData><Data Name='A'><![CDATA[<b> & ]]]]>&gt;</Data><!-- <Data>no</Data> "
     "--><?pi x?></EventData></Event>",
     "A=<b> & ]]>|"},
    {"<Event><RenderingInfo><Message>an account</Message><Level>Info</Level></RenderingInfo>"
     "</Event>",
     "message=an account|"},
    {"<!DOCTYPE x [<!ENTITY a 'b'>]><Event><EventData><Data "
     "Name='A'>&a;</Data></EventData></Event>",
     NULL}, /* winxml_next begins at <Event: a DTD never gets here */
    {"<Event><EventData><Data Name='A'>x</EventData></Event>", NULL},
    {"<Event><EventData><Data Name=A>x</Data></EventData></Event>", NULL},
    {"<Event><EventData><Data Name='A>x</Data></EventData></Event>", NULL},
    {"<Event><EventData>", NULL},
    {"<Event", NULL},
};

static void test_pairs(void **state)
{
    static struct pairs p;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[512] = "";
        size_t at = 0;
        struct diag d = {0};
        p.n = 0;
        enum err e = winxml_pairs(slice_of(cases[i].xml), &a, &p, &d);
        if (e == ERR_NONE && !cases[i].want)
            e = p.n ? ERR_NONE : ERR_SYNTAX;
        if ((e == ERR_NONE) != (cases[i].want != NULL))
            fail_msg("case %zu: %s", i, d.text);
        for (size_t k = 0; k < p.n && cases[i].want; k++)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%.*s=%.*s|",
                                   p.at[k].more ? "+" : "", SLICE_ARG(p.at[k].name),
                                   SLICE_ARG(p.at[k].value));
        if (cases[i].want)
            assert_string_equal(out, cases[i].want);
    }
    arena_done(&a);
}

static void test_depth(void **state)
{
    static struct pairs p;
    char deep[4096] = "<Event>";
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t at = strlen(deep); at + 4 < sizeof(deep); at += 3)
        memcpy(deep + at, "<a>", 4);
    p.n = 0;
    assert_int_equal(winxml_pairs(slice_of(deep), &a, &p, NULL), ERR_LIMIT);
    arena_done(&a);
}

static void test_finding_events(void **state)
{
    struct slice all = slice_of("<?xml?><Events><EventData/><Event a='1'>x</Event>\n<Event>cut "
                                "<Event>y</Event> <Event>open");
    struct slice e;
    bool broken;

    (void)state;
    assert_true(winxml_looks(all));
    assert_true(winxml_next(all, 0, &e, &broken));
    assert_false(broken);
    assert_true(slice_eq(e, SLICE("<Event a='1'>x</Event>")));
    assert_true(winxml_next(all, (size_t)(e.p - all.p) + e.n, &e, &broken));
    assert_true(broken);
    assert_true(winxml_next(all, (size_t)(e.p - all.p) + e.n, &e, &broken));
    assert_false(broken);
    assert_true(slice_eq(e, SLICE("<Event>y</Event>")));
    assert_int_equal(winxml_cut(all), (size_t)(e.p - all.p) + e.n);
    assert_false(winxml_next(all, winxml_cut(all), &e, &broken));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_finding_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
