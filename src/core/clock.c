#include "core/clock.h"

#include <time.h>

static int64_t (*fake_mono)(void);
static int64_t (*fake_wall)(void);

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
    return fake_mono ? fake_mono() : read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
    return fake_wall ? fake_wall() : read_clock(CLOCK_REALTIME);
}

void clock_replace(int64_t (*mono)(void), int64_t (*wall)(void))
{
    fake_mono = mono;
    fake_wall = wall;
}
