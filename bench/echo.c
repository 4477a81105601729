/* SPDX-License-Identifier: MIT
 *
 * echo.c - a TCP echo server: by hand on epoll, and as a task per connection. Started by echo.py, loaded by load.c.
 */
#include "bench.h"

#include "asyncio.h"

#include "net.h"
#include <sys/epoll.h>

/* ---- By hand: read, write; what does not fit is kept until the socket takes it ---- */

typedef struct floor_connection {
    int fd;
    uint32_t sent, size;
    char *kept;
} floor_connection;

static int poller;
static char shared[NET_BUFFER];

static void floor_watch(floor_connection *connection, int operation, uint32_t events)
{
    struct epoll_event event;
    event.events = events;
    event.data.ptr = connection;
    (void)epoll_ctl(poller, operation, connection->fd, &event);
}

static void floor_close(floor_connection *connection)
{
    close(connection->fd);
    free(connection->kept);
    free(connection);
}

static void floor_accept(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        floor_connection *connection = (floor_connection *)calloc(1, sizeof *connection);
        connection->fd = fd;
        net_nodelay(fd);
        floor_watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void floor_write(floor_connection *connection)
{
    ssize_t sent = send(connection->fd, connection->kept + connection->sent, connection->size - connection->sent,
                        MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        floor_close(connection);
        return;
    }
    connection->sent += sent > 0 ? (uint32_t)sent : 0;
    if (connection->sent < connection->size)
        return;
    free(connection->kept);
    connection->kept = NULL;
    floor_watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

static void floor_read(floor_connection *connection)
{
    ssize_t sent, got = recv(connection->fd, shared, sizeof shared, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        floor_close(connection);
        return;
    }
    sent = send(connection->fd, shared, (size_t)got, MSG_NOSIGNAL);
    if (sent == got)
        return;
    connection->sent = 0;
    connection->size = (uint32_t)(got - (sent > 0 ? sent : 0));
    connection->kept = (char *)malloc(connection->size);
    memcpy(connection->kept, shared + (got - (ssize_t)connection->size), connection->size);
    floor_watch(connection, EPOLL_CTL_MOD, EPOLLOUT);
}

static void echo_floor(const char *port)
{
    struct epoll_event events[256];
    floor_connection listener = {net_listen(port), 0, 0, NULL};
    int i, count;
    poller = epoll_create1(EPOLL_CLOEXEC);
    floor_watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    while ((count = epoll_wait(poller, events, 256, -1)) >= 0)
        for (i = 0; i < count; i++) {
            floor_connection *connection = (floor_connection *)events[i].data.ptr;
            if (connection == &listener)
                floor_accept(listener.fd);
            else if (connection->kept != NULL)
                floor_write(connection);
            else
                floor_read(connection);
        }
}

/* ---- The library ---- */

enum { MOST = 1024 };

ASYNC(client, int fd; char *buffer; asyncio_value got;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buffer, NET_BUFFER));
        if (self->got <= 0)
            break;
        ASYNC_AWAIT(asyncio_sock_sendall(self->fd, self->buffer, (size_t)self->got));
    }
    ASYNC_FINALLY;
    close(self->fd);
    ASYNC_END;
}

ASYNC(heap_client, int fd; asyncio_value got; char buffer[NET_BUFFER];)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buffer, sizeof self->buffer));
        if (self->got <= 0)
            break;
        ASYNC_AWAIT(asyncio_sock_sendall(self->fd, self->buffer, (size_t)self->got));
    }
    ASYNC_FINALLY;
    close(self->fd);
    ASYNC_END;
}

/* A connection's place is its descriptor's: nobody has that at the same time. */
static struct client_task clients[MOST];
static char buffers[MOST][NET_BUFFER];

ASYNC(server, int listener; bool heap; asyncio_value fd;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT_INTO(self->fd, asyncio_sock_accept(self->listener, NULL, NULL));
        net_nodelay((int)self->fd);
        if (self->heap)
            asyncio_create_task(ASYNC_NEW(heap_client, .fd = (int)self->fd));
        else if (self->fd < MOST)
            asyncio_create_task(ASYNC_AT(&clients[self->fd], client, .fd = (int)self->fd, .buffer = buffers[self->fd]));
        else
            close((int)self->fd);
    }
    ASYNC_END;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        puts("echo floor\necho asyncio.h\necho asyncio.h heap");
        return 0;
    }
    if (strcmp(argv[1], "floor") == 0)
        echo_floor(argv[4]);
    else
        return asyncio_run(ASYNC_NEW(server, .listener = net_listen(argv[4]),
                                     .heap = strcmp(argv[1], "asyncio.h") != 0));
    return 0;
}
