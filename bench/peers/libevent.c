/* SPDX-License-Identifier: MIT
 *
 * libevent.c - callbacks on libevent. A task that yields makes its event active again. Echo by bufferevents.
 */
#include "../bench.h"
#include "../net.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>

static struct event_base *base;
static unsigned long each, wanted;

/* ---- Yield ---- */

typedef struct yielder {
    struct event event;
    unsigned long left;
} yielder;

static void on_turn(evutil_socket_t fd, short events, void *arg)
{
    yielder *self = (yielder *)arg;
    (void)fd, (void)events;
    if (--self->left > 0)
        event_active(&self->event, EV_TIMEOUT, 0);
    else
        bench_done += each;
}

static void yield(unsigned long operations)
{
    yielder *tasks = (yielder *)calloc(bench_size, sizeof *tasks);
    unsigned long i;
    each = operations / bench_size;
    for (i = 0; i < bench_size; i++) {
        event_assign(&tasks[i].event, base, -1, 0, on_turn, &tasks[i]);
        tasks[i].left = each;
        event_active(&tasks[i].event, EV_TIMEOUT, 0);
    }
    bench_start();
    event_base_dispatch(base);
    bench_stop();
    free(tasks);
}

/* ---- Timers ---- */

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
    (void)fd, (void)events, (void)arg;
    bench_done++;
}

static void timers(unsigned long operations, long least, int cancel)
{
    struct event *timer = (struct event *)calloc(operations, sizeof *timer);
    unsigned long i;
    bench_start();
    for (i = 0; i < operations; i++) {
        struct timeval delay = {least, rand() % 1000000};
        event_assign(&timer[i], base, -1, 0, on_timer, NULL);
        event_add(&timer[i], &delay);
    }
    for (i = 0; cancel && i < operations; i++) {
        event_del(&timer[i]);
        bench_done += !event_pending(&timer[i], EV_TIMEOUT, NULL);
    }
    event_base_dispatch(base);
    bench_stop();
    free(timer);
}

static void timers_cancel(unsigned long operations) { timers(operations, 0, 1); }
static void timers_fire(unsigned long operations) { timers(operations, 0, 0); }
static void sleepers(unsigned long operations) { timers(operations, 1, 0); }

static const struct timeval millisecond = {0, 1000};

static void on_wake(evutil_socket_t fd, short events, void *arg)
{
    (void)fd, (void)events;
    if (++bench_done < wanted)
        event_add((struct event *)arg, &millisecond);
}

static void wake(unsigned long operations)
{
    struct event timer;
    wanted = operations;
    bench_start();
    event_assign(&timer, base, -1, 0, on_wake, &timer);
    event_add(&timer, &millisecond);
    event_base_dispatch(base);
    bench_stop();
}

/* ---- Echo ---- */

static void on_read(struct bufferevent *client, void *arg)
{
    (void)arg;
    bufferevent_write_buffer(client, bufferevent_get_input(client));
}

static void on_event(struct bufferevent *client, short events, void *arg)
{
    (void)arg;
    if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(client);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size,
                          void *arg)
{
    struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    (void)listener, (void)address, (void)size, (void)arg;
    net_nodelay((int)fd);
    bufferevent_setcb(client, on_read, NULL, on_event, NULL);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}

static int echo(const char *port)
{
    if (evconnlistener_new(base, on_connection, NULL, LEV_OPT_CLOSE_ON_FREE, 0, net_listen(port)) == NULL)
        return 1;
    return event_base_dispatch(base);
}

static const bench_case cases[] = {
    {"libevent", "yield_2", yield, 2},
    {"libevent", "yield_1000", yield, 1000},
    {"libevent", "yield_100000", yield, 100000},
    {"libevent", "timers_cancel", timers_cancel, 1},
    {"libevent", "timers_fire", timers_fire, 1},
    {"libevent", "sleepers", sleepers, 1},
    {"libevent", "wake_1ms", wake, 1},
    {"libevent", "echo", NULL, 1},
};

int main(int argc, char **argv)
{
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    base = event_base_new_with_config(config);
    if (argc > 4 && strcmp(argv[2], "echo") == 0)
        return echo(argv[4]);
    return BENCH_MAIN(argc, argv, cases);
}
