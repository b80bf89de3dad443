#include <stdlib.h>

#include "detect/rule_int.h"

_Static_assert(__LDBL_MANT_DIG__ >= 64, "64-bit integers must be exact in a long double");

/* -?digits[.digits][e[+-]digits], whole; what strtold knows beyond that (hex, inf, nan) is text. */
CHECKED bool number_parse(struct slice s, long double *ret)
{
    char text[64];
    bool digit = false;

    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool sign = c == '-' || c == '+';
        bool exponent = (c == 'e' || c == 'E') && digit;
        if (c >= '0' && c <= '9')
            digit = true;
        else if (!sign && !exponent && c != '.')
            return false;
    }
    if (!digit)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    char *end;
    long double v = strtold(text, &end);
    if (end != text + s.n)
        return false;
    *ret = v;
    return true;
}
