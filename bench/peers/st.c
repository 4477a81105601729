/* SPDX-License-Identifier: MIT
 *
 * st.c - State Threads: a stack per task, switched by hand. A task that yields sleeps for 0 microseconds.
 */
#include "../bench.h"
#include "../net.h"

#include <st.h>
#include <unistd.h>

enum { STACK = 8192 };
static unsigned long each, batch, running, sum;
static st_cond_t over;

static void start(void *(*function)(void *), void *arg)
{
    running++;
    if (st_thread_create(function, arg, 0, STACK) == NULL) {
        perror("st_thread_create");
        exit(1);
    }
}

static void end(void)
{
    if (--running == 0)
        st_cond_signal(over);
}

static void run(void)
{
    bench_start();
    if (running > 0)
        st_cond_wait(over);
    bench_stop();
}

static void *worker(void *arg)
{
    sum += (unsigned long)(uintptr_t)arg + 1;
    end();
    return NULL;
}

static void spawn(unsigned long operations)
{
    unsigned long round, i;
    batch = bench_size;
    sum = 0;
    bench_start();
    for (round = operations / batch; round > 0; round--) {
        for (i = 0; i < batch; i++)
            start(worker, (void *)(uintptr_t)i);
        st_cond_wait(over);
    }
    bench_stop();
    bench_done = sum == operations / batch * (batch * (batch - 1) / 2) + operations ? operations : 0;
}

static void *yielder(void *arg)
{
    unsigned long i;
    (void)arg;
    for (i = 0; i < each; i++)
        st_usleep(0);
    bench_done += i;
    end();
    return NULL;
}

static void yield(unsigned long operations)
{
    unsigned long i;
    each = operations / bench_size;
    for (i = 0; i < bench_size; i++)
        start(yielder, NULL);
    run();
}

static st_cond_t ball[2];

/* A condition has no memory: the other one is waiting already whenever this one signals. */
static void *player(void *arg)
{
    unsigned me = arg != NULL;
    unsigned long i;
    for (i = 0; i < each; i++) {
        st_cond_signal(ball[1 - me]);
        if (i + 1 < each || me == 0)
            st_cond_wait(ball[me]);
        bench_done++;
    }
    st_cond_signal(ball[1 - me]);
    end();
    return NULL;
}

static void ping_pong(unsigned long operations)
{
    each = operations / 2;
    ball[0] = st_cond_new();
    ball[1] = st_cond_new();
    start(player, NULL);
    start(player, ball);
    run();
}

static void *alone(void *arg)
{
    st_mutex_t mutex = st_mutex_new();
    unsigned long i;
    (void)arg;
    for (i = 0; i < each; i++) {
        st_mutex_lock(mutex);
        st_mutex_unlock(mutex);
    }
    bench_done = i;
    end();
    return NULL;
}

static void lock_alone(unsigned long operations)
{
    each = operations;
    start(alone, NULL);
    run();
}

static void *waker(void *arg)
{
    unsigned long i;
    (void)arg;
    for (i = 0; i < each; i++)
        st_usleep(1000);
    bench_done = i;
    end();
    return NULL;
}

static void wake(unsigned long operations)
{
    each = operations;
    start(waker, NULL);
    run();
}

static void *client(void *arg)
{
    st_netfd_t socket = (st_netfd_t)arg;
    char *buffer = (char *)malloc(NET_BUFFER);
    ssize_t got;
    while ((got = st_read(socket, buffer, NET_BUFFER, ST_UTIME_NO_TIMEOUT)) > 0)
        if (st_write(socket, buffer, (size_t)got, ST_UTIME_NO_TIMEOUT) != got)
            break;
    st_netfd_close(socket);
    free(buffer);
    return NULL;
}

static void echo(const char *port)
{
    st_netfd_t listener = st_netfd_open_socket(net_listen(port)), socket;
    while ((socket = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT)) != NULL) {
        net_nodelay(st_netfd_fileno(socket));
        st_thread_create(client, socket, 0, STACK);
    }
}

static const char name[] = "State Threads";
static const bench_case cases[] = {
    {name, "spawn_1", spawn, 1},         {name, "spawn_1000", spawn, 1000}, {name, "yield_2", yield, 2},
    {name, "yield_1000", yield, 1000},   {name, "ping_pong", ping_pong, 2}, {name, "mutex", lock_alone, 1},
    {name, "wake_1ms", wake, 1},         {name, "echo", NULL, 1},
};

int main(int argc, char **argv)
{
    st_set_eventsys(ST_EVENTSYS_ALT);
    if (st_init() < 0)
        return 1;
    over = st_cond_new();
    if (argc > 4 && strcmp(argv[2], "echo") == 0)
        echo(argv[4]);
    return BENCH_MAIN(argc, argv, cases);
}
