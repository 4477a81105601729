/* SPDX-License-Identifier: MIT
 *
 * libuv.c - callbacks on libuv. A task that yields is an idle handle, which every iteration calls once.
 */
#include "../bench.h"
#include "../net.h"

#include <uv.h>

static uv_loop_t *loop;
static unsigned long each, wanted;

/* ---- Yield ---- */

static void on_idle(uv_idle_t *idle)
{
    uintptr_t left = (uintptr_t)idle->data - 1;
    idle->data = (void *)left;
    if (left > 0)
        return;
    bench_done += each;
    uv_idle_stop(idle);
}

static void yield(unsigned long operations)
{
    uv_idle_t *handles = (uv_idle_t *)calloc(bench_size, sizeof *handles);
    unsigned long i;
    each = operations / bench_size;
    for (i = 0; i < bench_size; i++) {
        uv_idle_init(loop, &handles[i]);
        handles[i].data = (void *)(uintptr_t)each;
        uv_idle_start(&handles[i], on_idle);
    }
    bench_start();
    uv_run(loop, UV_RUN_DEFAULT);
    bench_stop();
    for (i = 0; i < bench_size; i++)
        uv_close((uv_handle_t *)&handles[i], NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    free(handles);
}

/* ---- Timers ---- */

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
    bench_done++;
}

static void timers(unsigned long operations, uint64_t least, int cancel)
{
    uv_timer_t *handles = (uv_timer_t *)calloc(operations, sizeof *handles);
    unsigned long i;
    bench_start();
    uv_update_time(loop);
    for (i = 0; i < operations; i++) {
        uv_timer_init(loop, &handles[i]);
        uv_timer_start(&handles[i], on_timer, least + (uint64_t)(rand() % 1000) + 1, 0);
    }
    for (i = 0; cancel && i < operations; i++) {
        uv_timer_stop(&handles[i]);
        bench_done += !uv_is_active((uv_handle_t *)&handles[i]);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    bench_stop();
    for (i = 0; i < operations; i++)
        uv_close((uv_handle_t *)&handles[i], NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    free(handles);
}

static void timers_cancel(unsigned long operations) { timers(operations, 0, 1); }
static void timers_fire(unsigned long operations) { timers(operations, 0, 0); }
static void sleepers(unsigned long operations) { timers(operations, 1000, 0); }

static void on_wake(uv_timer_t *timer)
{
    if (++bench_done < wanted)
        uv_timer_start(timer, on_wake, 1, 0);
}

static void wake(unsigned long operations)
{
    uv_timer_t timer;
    wanted = operations;
    bench_start();
    uv_timer_init(loop, &timer);
    uv_update_time(loop);
    uv_timer_start(&timer, on_wake, 1, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    bench_stop();
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* ---- Echo: write at once what fits, queue the rest ---- */

typedef struct pending {
    uv_write_t request;
    char data[];
} pending;

static char shared[NET_BUFFER];

static void on_closed(uv_handle_t *handle) { free(handle); }
static void on_written(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    (void)handle, (void)size;
    *buffer = uv_buf_init(shared, sizeof shared);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    uv_buf_t answer;
    pending *rest;
    int sent;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    answer = uv_buf_init(buffer->base, (unsigned)got);
    sent = uv_try_write(stream, &answer, 1);
    if (sent == got)
        return;
    sent = sent < 0 ? 0 : sent;
    rest = (pending *)malloc(sizeof *rest + (size_t)(got - sent));
    memcpy(rest->data, buffer->base + sent, (size_t)(got - sent));
    answer = uv_buf_init(rest->data, (unsigned)(got - sent));
    uv_write(&rest->request, stream, &answer, 1, on_written);
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = (uv_tcp_t *)malloc(sizeof *client);
    (void)status;
    uv_tcp_init(loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) != 0) {
        uv_close((uv_handle_t *)client, on_closed);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, on_alloc, on_read);
}

static int echo(const char *port)
{
    struct sockaddr_in address = net_address(port);
    uv_tcp_t listener;
    uv_tcp_init(loop, &listener);
    uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
    return uv_listen((uv_stream_t *)&listener, NET_BACKLOG, on_connection) != 0 || uv_run(loop, UV_RUN_DEFAULT);
}

static const bench_case cases[] = {
    {"libuv", "yield_2", yield, 2},
    {"libuv", "yield_1000", yield, 1000},
    {"libuv", "yield_100000", yield, 100000},
    {"libuv", "timers_cancel", timers_cancel, 1},
    {"libuv", "timers_fire", timers_fire, 1},
    {"libuv", "sleepers", sleepers, 1},
    {"libuv", "wake_1ms", wake, 1},
    {"libuv", "echo", NULL, 1},
};

int main(int argc, char **argv)
{
    loop = uv_default_loop();
    if (argc > 4 && strcmp(argv[2], "echo") == 0)
        return echo(argv[4]);
    return BENCH_MAIN(argc, argv, cases);
}
