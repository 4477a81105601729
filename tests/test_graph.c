/* The call graph, after CPython's test_graph.py and Task.get_stack's tests.
 *
 * Left out: arguments of a wrong type (the compiler's); test_stack_async_gen, for there are no asynchronous generators;
 * plain functions above a coroutine (there is no C stack to walk). */
#include <stddef.h>
static inline void *limited_malloc(size_t size);
#define ASYNCIO_MALLOC(size) limited_malloc(size)
#define ASYNCIO_FREE(memory) free(memory)
#include "asyncio.h"
#include <signal.h>
#include <unistd.h>
#include "tap.h"

static long left = -1; /* allocations until all fail; negative: none does */
static inline void *limited_malloc(size_t size)
{
    if (left == 0)
        return NULL;
    if (left > 0)
        left--;
    return malloc(size);
}

#define E1 (ASYNCIO_EUSER + 1)
static asyncio_loop loop;
static void ignore(asyncio_loop *where, const asyncio_exception_context *report, void *arg)
{
    (void)where, (void)report, (void)arg;
}
static void open_loop(void)
{
    CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0);
    asyncio_set_exception_handler(&loop, ignore, NULL);
}
static void close_loop(void) { CHECK_EQ(asyncio_loop_close(&loop), 0); }
static int run(asyncio_root *root) { return asyncio_run_until_complete(&loop, root, NULL); }

/* Text with what changes from run to run taken out: ids, lines and the directory of this file. */
static char text[200000];
static const char *plain(void)
{
    char *from = text, *to = text;
    while (*from != '\0') {
        if (strncmp(from, ", id=", 5) == 0 || strncmp(from, "(id=", 4) == 0) {
            if (*from == '(')
                *to++ = *from;
            from += strcspn(from, ")");
        } else if (strncmp(from, "line ", 5) == 0) {
            from += 5;
            from += strspn(from, "0123456789");
            *to++ = 'L';
        } else if (strncmp(from, "File '", 6) == 0 || strncmp(from, "File \"", 6) == 0) {
            from += 6;
            from += strcspn(from, "'\"") + 1;
            *to++ = 'F';
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return text;
}
static const char *graph(asyncio_future *future, asyncio_coro *here, int limit)
{
    size_t length = asyncio_format_call_graph(text, sizeof text, future, here, limit);
    CHECK_EQ(length, strlen(text));
    return plain();
}

/* ---- Tasks and Futures ---- */

static asyncio_future gate;
static asyncio_task *first, *second;
ASYNC(deep, struct deep *below; int depth; asyncio_future *target;)
{
    ASYNC_BEGIN;
    if (self->depth > 0)
        ASYNC_AWAIT(ASYNC_IN(self->below, deep, .below = self->below + 1, .depth = self->depth - 1,
                             .target = self->target));
    else
        ASYNC_AWAIT(self->target);
    ASYNC_END;
}
ASYNC(inner)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(&gate);
    ASYNC_END;
}
ASYNC(outer, struct inner below;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->below, inner));
    ASYNC_END;
}
ASYNC(joins, asyncio_task *task;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(self->task);
    ASYNC_END;
}

ASYNC(chain, asyncio_call_graph_node nodes[4]; bool full;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&gate, NULL);
    asyncio_create_task(ASYNC_NEW(outer), .name = "one", .into = &first);
    asyncio_create_task(ASYNC_NEW(joins, .task = first), .name = "two", .into = &second);
    asyncio_create_task(ASYNC_NEW(joins, .task = second), .name = "three");
    asyncio_create_task(ASYNC_NEW(joins, .task = first), .name = "four");
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK_STR(graph(&gate, NULL, ASYNCIO_ALL_FRAMES), "* Future()\n"
                                                      "  + Awaited by:\n"
                                                      "    * Task(name='one')\n"
                                                      "      + Call stack:\n"
                                                      "      |   F, L, in async inner()\n"
                                                      "      |   F, L, in async outer()\n"
                                                      "      + Awaited by:\n"
                                                      "        * Task(name='two')\n"
                                                      "          + Call stack:\n"
                                                      "          |   F, L, in async joins()\n"
                                                      "          + Awaited by:\n"
                                                      "            * Task(name='three')\n"
                                                      "              + Call stack:\n"
                                                      "              |   F, L, in async joins()\n"
                                                      "        * Task(name='four')\n"
                                                      "          + Call stack:\n"
                                                      "          |   F, L, in async joins()\n");
    CHECK_STR(graph(&second->future, NULL, 0), "* Task(name='two')\n"
                                               "  + Awaited by:\n"
                                               "    * Task(name='three')\n");
    CHECK_STR(graph(&first->future, NULL, 1) + strlen("* Task(name='one')\n  + Call stack:\n  |   F, L, in async "),
              "outer()\n"
              "  + Awaited by:\n"
              "    * Task(name='two')\n"
              "      + Call stack:\n"
              "      |   F, L, in async joins()\n"
              "      + Awaited by:\n"
              "        * Task(name='three')\n"
              "          + Call stack:\n"
              "          |   F, L, in async joins()\n"
              "    * Task(name='four')\n"
              "      + Call stack:\n"
              "      |   F, L, in async joins()\n");
    (void)graph(&first->future, NULL, -1);
    CHECK(strstr(text, "inner") != NULL);
    CHECK(strstr(text, "outer") == NULL);
    CHECK_EQ(asyncio_capture_call_graph(&gate, self->nodes, 4, &self->full), 4);
    CHECK(self->full);
    CHECK(self->nodes[0].future == &gate);
    CHECK(self->nodes[1].future == &first->future);
    CHECK_EQ(self->nodes[1].parent, 0);
    CHECK_EQ(self->nodes[3].depth, 3);
    CHECK(self->nodes[0].parent == ASYNCIO__NO_PARENT);
    CHECK_EQ(asyncio_capture_call_graph(&second->future, self->nodes, 4, &self->full), 2);
    CHECK(!self->full);
    CHECK_EQ(gate.flags & ASYNCIO__SEEN, 0);
    CHECK_EQ(first->future.flags & ASYNCIO__SEEN, 0);
    asyncio_future_set_result(&gate, 0);
    CHECK_STR(graph(&gate, NULL, ASYNCIO_ALL_FRAMES), "* Future()\n");
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK_STR(graph(&first->future, NULL, ASYNCIO_ALL_FRAMES), "* Task(name='one')\n"); /* done */
    asyncio_task_release(first);
    asyncio_task_release(second);
    ASYNC_END;
}
TEST(test_chain_and_limits)
{
    open_loop();
    CHECK_EQ(run(ASYNC_NEW(chain)), 0);
    close_loop();
}

ASYNC(asks_below)
{
    ASYNC_BEGIN;
    CHECK_STR(graph(NULL, &self->coro, ASYNCIO_ALL_FRAMES), "* Task(name='me')\n"
                                                            "  + Call stack:\n"
                                                            "  |   F, L, in async asks_below()\n"
                                                            "  |   F, L, in async asks()\n"
                                                            "  + Awaited by:\n"
                                                            "    * Task(name='waits')\n"
                                                            "      + Call stack:\n"
                                                            "      |   F, L, in async joins()\n");
    CHECK_STR(graph(NULL, NULL, ASYNCIO_ALL_FRAMES), "* Task(name='me')\n"
                                                     "  + Call stack:\n"
                                                     "  |   F, L, in async asks()\n"
                                                     "  + Awaited by:\n"
                                                     "    * Task(name='waits')\n"
                                                     "      + Call stack:\n"
                                                     "      |   F, L, in async joins()\n");
    ASYNC_END;
}
ASYNC(asks, struct asks_below below; asyncio_frame_info infos[3]; asyncio_task *me;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_AWAIT(ASYNC_IN(&self->below, asks_below));
    CHECK_EQ(asyncio_task_get_stack(asyncio_current_task(), &self->coro, self->infos, 3), 1);
    CHECK_STR(self->infos[0].function, "asks");
    ASYNC_END;
}
ASYNC(starts, asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(asks), .name = "me", .into = &self->task);
    CHECK_STR(graph(&self->task->future, NULL, ASYNCIO_ALL_FRAMES), "* Task(name='me')\n" /* not started */
                                                                    "  + Call stack:\n"
                                                                    "  |   F, L, in async asks()\n");
    asyncio_create_task(ASYNC_NEW(joins, .task = self->task), .name = "waits");
    ASYNC_AWAIT(asyncio_sleep(2));
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_the_current_task)
{
    open_loop();
    CHECK_EQ(run(ASYNC_NEW(starts)), 0);
    CHECK_EQ(asyncio_format_call_graph(text, sizeof text, NULL, NULL, ASYNCIO_ALL_FRAMES), 0);
    CHECK_STR(text, "");
    close_loop();
}

/* ---- CPython's cases: who waits behind what ---- */

/* What asks, some iterations later, so that everybody waits by then. Its graph is compared with `want`. */
static const char *want;
ASYNC(asks_deep)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_STR(graph(NULL, &self->coro, ASYNCIO_ALL_FRAMES), want);
    log_add("asked");
    ASYNC_END;
}
ASYNC(c1, struct asks_deep below; asyncio_timeout limit;)
{
    ASYNC_BEGIN;
    ASYNC_WITH(&self->limit, asyncio_timeout(1))
    {
        ASYNC_AWAIT(asyncio_sleep(0));
        ASYNC_AWAIT(ASYNC_IN(&self->below, asks_deep));
    }
    ASYNC_END;
}
ASYNC(c2, int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
static int run_named(asyncio_root *root)
{
    asyncio_task_options options = {"main", NULL, 0, NULL};
    asyncio_task *task;
    int err;
    options.into = &task;
    open_loop();
    CHECK_EQ(asyncio_loop_create_task(&loop, root, &options), 0);
    err = asyncio_run_until_future(&loop, &task->future, NULL);
    asyncio_task_release(task);
    close_loop();
    return err;
}

#define ASKED "  + Call stack:\n  |   F, L, in async asks_deep()\n  |   F, L, in async c1()\n  + Awaited by:\n"

/* main's first, for its edge is made when the child is; then the children that await it */
ASYNC(group_main, asyncio_taskgroup group; asyncio_task *child;)
{
    ASYNC_BEGIN;
    want = "* Task(name='c2_root')\n" ASKED
           "    * Task(name='main')\n"
           "      + Call stack:\n"
           "      |   F, L, in async group_main()\n"
           "    * Task(name='sub_main_1')\n"
           "      + Call stack:\n"
           "      |   F, L, in async joins()\n"
           "      + Awaited by:\n"
           "        * Task(name='main') (see above)\n"
           "    * Task(name='sub_main_2')\n"
           "      + Call stack:\n"
           "      |   F, L, in async joins()\n"
           "      + Awaited by:\n"
           "        * Task(name='main') (see above)\n";
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(c1), .name = "c2_root", .into = &self->child);
        asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(joins, .task = self->child), .name = "sub_main_1");
        asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(joins, .task = self->child), .name = "sub_main_2");
    }
    CHECK_STR(graph(&self->child->future, NULL, 0), "* Task(name='c2_root')\n");
    asyncio_task_release(self->child);
    ASYNC_END;
}
TEST(test_stack_tgroup)
{
    CHECK_EQ(run_named(ASYNC_NEW(group_main)), 0);
    CHECK_LOG("asked");
}

/* The parent is behind its children also while it waits for something else, or for nothing. */
ASYNC(group_body, asyncio_taskgroup group; asyncio_taskgroup_child records[1]; asyncio_task *child; struct inner_task at;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&gate, NULL);
    ASYNC_WITH(&self->group, asyncio_taskgroup_in(self->records, 1))
    {
        asyncio_taskgroup_create_task(&self->group, ASYNC_AT(&self->at, inner), .name = "child", .into = &self->child);
        CHECK_STR(graph(&self->child->future, NULL, 0), "* Task(name='child')\n"
                                                        "  + Awaited by:\n"
                                                        "    * Task(name='main')\n");
        ASYNC_AWAIT(asyncio_sleep(1));
        CHECK_STR(graph(&gate, NULL, 0), "* Future()\n"
                                         "  + Awaited by:\n"
                                         "    * Task(name='child')\n"
                                         "      + Awaited by:\n"
                                         "        * Task(name='main')\n");
        ASYNC_RAISE(E1);
    }
    ASYNC_FINALLY;
    CHECK_STR(graph(&self->child->future, NULL, 0), "* Task(name='child')\n");
    asyncio_task_release(self->child);
    ASYNC_END;
}
TEST(test_stack_tgroup_in_its_body) { CHECK_EQ(run_named(ASYNC_NEW(group_body)), ASYNCIO_EGROUP); }

ASYNC(gather_main, asyncio_gather all; asyncio_child children[2];)
{
    ASYNC_BEGIN;
    want = "* Task(name='asks')\n" ASKED
           "    * Task(name='main')\n"
           "      + Call stack:\n"
           "      |   F, L, in async asyncio_gather()\n"
           "      |   F, L, in async gather_main()\n";
    asyncio_create_task(ASYNC_NEW(c1), .name = "asks", .into = &first);
    ASYNC_AWAIT(asyncio_gather(&self->all, self->children, first, ASYNC_NEW(c2)));
    asyncio_task_release(first);
    ASYNC_END;
}
TEST(test_stack_gather)
{
    CHECK_EQ(run_named(ASYNC_NEW(gather_main)), 0);
    CHECK_LOG("asked");
}

ASYNC(shield_main, asyncio_shield shield;)
{
    ASYNC_BEGIN;
    want = "* Task(name='asks')\n" ASKED
           "    * Task(name='main')\n"
           "      + Call stack:\n"
           "      |   F, L, in async asyncio_shield()\n"
           "      |   F, L, in async shield_main()\n";
    asyncio_create_task(ASYNC_NEW(c1), .name = "asks", .into = &first);
    ASYNC_AWAIT(asyncio_shield(&self->shield, first));
    asyncio_task_release(first);
    ASYNC_END;
}
TEST(test_stack_shield) /* and test_stack_timeout: c1 has one */
{
    CHECK_EQ(run_named(ASYNC_NEW(shield_main)), 0);
    CHECK_LOG("asked");
}

ASYNC(wait_main, asyncio_waiting waiting; asyncio_child children[2];)
{
    ASYNC_BEGIN;
    want = "* Task(name='asks')\n" ASKED
           "    * Task(name='main')\n"
           "      + Call stack:\n"
           "      |   F, L, in async asyncio_wait()\n"
           "      |   F, L, in async wait_main()\n";
    asyncio_create_task(ASYNC_NEW(c1), .name = "asks", .into = &first);
    asyncio_child_set(&self->children[0], first);
    asyncio_child_set(&self->children[1], ASYNC_NEW(c2));
    ASYNC_AWAIT(asyncio_wait(&self->waiting, self->children, 2, ASYNCIO_ALL_COMPLETED));
    asyncio_child_release(&self->children[0]);
    asyncio_child_release(&self->children[1]);
    asyncio_task_release(first);
    ASYNC_END;
}
TEST(test_stack_wait)
{
    CHECK_EQ(run_named(ASYNC_NEW(wait_main)), 0);
    CHECK_LOG("asked");
}

ASYNC(task_main, struct joins c2;)
{
    ASYNC_BEGIN;
    want = "* Task(name='there there')\n" ASKED
           "    * Task(name='main')\n"
           "      + Call stack:\n"
           "      |   F, L, in async joins()\n"
           "      |   F, L, in async task_main()\n";
    asyncio_create_task(ASYNC_NEW(c1), .name = "there there", .into = &first);
    ASYNC_AWAIT(ASYNC_IN(&self->c2, joins, .task = first));
    asyncio_task_release(first);
    ASYNC_END;
}
TEST(test_stack_task)
{
    CHECK_EQ(run_named(ASYNC_NEW(task_main)), 0);
    CHECK_LOG("asked");
}

/* Behind a Future that is not the current task: both that await it, and the group behind them. */
ASYNC(future_main, asyncio_taskgroup group; int i;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&gate, NULL);
    ASYNC_WITH(&self->group, asyncio_taskgroup())
    {
        asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(outer), .name = "task A");
        asyncio_taskgroup_create_task(&self->group, ASYNC_NEW(inner), .name = "task B");
        for (self->i = 0; self->i < 5; self->i++)
            ASYNC_AWAIT(asyncio_sleep(0));
        CHECK_STR(graph(&gate, NULL, ASYNCIO_ALL_FRAMES), "* Future()\n"
                                                          "  + Awaited by:\n"
                                                          "    * Task(name='task A')\n"
                                                          "      + Call stack:\n"
                                                          "      |   F, L, in async inner()\n"
                                                          "      |   F, L, in async outer()\n"
                                                          "      + Awaited by:\n"
                                                          "        * Task(name='main')\n"
                                                          "          + Call stack:\n"
                                                          "          |   F, L, in async future_main()\n"
                                                          "    * Task(name='task B')\n"
                                                          "      + Call stack:\n"
                                                          "      |   F, L, in async inner()\n"
                                                          "      + Awaited by:\n"
                                                          "        * Task(name='main') (see above)\n");
        asyncio_future_set_result(&gate, 0);
    }
    ASYNC_END;
}
TEST(test_stack_future) { CHECK_EQ(run_named(ASYNC_NEW(future_main)), 0); }

/* ---- Links ---- */

static void ignore_done(asyncio_future *future, void *arg) { (void)future, (void)arg; }
ASYNC(behind_callbacks, asyncio_awaited_by child; asyncio_awaited_by link; asyncio_awaited_by late;
      asyncio_handle handle; asyncio_future plain;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&gate, NULL);
    asyncio_future_init(&self->plain, NULL);
    asyncio_create_task(ASYNC_NEW(inner), .name = "inner", .into = &first);
    ASYNC_AWAIT(asyncio_sleep(1));
    asyncio_task_add_done_callback(first, &self->handle, ignore_done, NULL);
    asyncio_task_add_done_callback(first, &self->child.handle, ignore_done, NULL); /* as gather does */
    asyncio__awaited_by(&self->child, &self->plain);
    asyncio_future_add_to_awaited_by(&self->plain, &asyncio_current_task()->future, &self->link);
    CHECK_STR(graph(&first->future, NULL, 0), "* Task(name='inner')\n"
                                              "  + Awaited by:\n"
                                              "    * Future()\n"
                                              "      + Awaited by:\n"
                                              "        * Task(name='main')\n");
    asyncio_future_discard_from_awaited_by(&self->link);
    CHECK_STR(graph(&first->future, NULL, 0), "* Task(name='inner')\n  + Awaited by:\n    * Future()\n");
    asyncio_handle_cancel(&self->child.handle);
    CHECK_STR(graph(&first->future, NULL, 0), "* Task(name='inner')\n");
    asyncio_future_add_to_awaited_by(&self->plain, &first->future, &self->link);
    CHECK_EQ(asyncio_future_remove_done_callback(&self->plain, ignore_done, NULL), 0);
    CHECK_STR(graph(&self->plain, NULL, 0), "* Future()\n  + Awaited by:\n    * Task(name='inner')\n");
    asyncio_future_set_result(&self->plain, 0);
    CHECK_STR(graph(&self->plain, NULL, 0), "* Future()\n");
    asyncio_future_discard_from_awaited_by(&self->link); /* gone by itself */
    asyncio_future_add_to_awaited_by(&self->plain, &first->future, &self->late);
    CHECK_STR(graph(&self->plain, NULL, 0), "* Future()\n");
    asyncio_future_discard_from_awaited_by(&self->late);
    asyncio_future_add_to_awaited_by(&first->future, &self->plain, &self->late); /* ends with the task */
    asyncio_handle_cancel(&self->handle);
    asyncio_future_set_result(&gate, 0);
    ASYNC_AWAIT(first);
    asyncio_task_release(first);
    ASYNC_END;
}
TEST(test_build_graph_behind_callbacks)
{
    CHECK_EQ(run_named(ASYNC_NEW(behind_callbacks)), 0);
}

/* ---- Circles, depth, memory ---- */

static asyncio_task *ring[3];
ASYNC(circle, int i; asyncio_awaited_by link;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 3; self->i++)
        asyncio_create_task(ASYNC_NEW(joins), .name = self->i == 0 ? "a" : self->i == 1 ? "b" : "c",
                            .into = &ring[self->i]);
    for (self->i = 0; self->i < 3; self->i++)
        ((struct joins *)(void *)asyncio_task_get_coro(ring[self->i]))->task = ring[(self->i + 1) % 3];
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK_STR(graph(&ring[0]->future, NULL, 0), "* Task(name='a')\n"
                                                "  + Awaited by:\n"
                                                "    * Task(name='c')\n"
                                                "      + Awaited by:\n"
                                                "        * Task(name='b')\n"
                                                "          + Awaited by:\n"
                                                "            * Task(name='a') (see above)\n");
    asyncio_future_add_to_awaited_by(&ring[1]->future, &ring[1]->future, &self->link);
    CHECK(strstr(graph(&ring[1]->future, NULL, 0), "    * Task(name='b') (see above)\n") != NULL);
    asyncio_future_discard_from_awaited_by(&self->link);
    for (self->i = 0; self->i < 3; self->i++) {
        asyncio_task_cancel(ring[self->i], NULL);
        asyncio_task_release(ring[self->i]);
    }
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
TEST(test_circles)
{
    open_loop();
    CHECK_EQ(run(ASYNC_NEW(circle)), 0);
    close_loop();
}

enum { DEEP = 100000 };
static struct joins_task *many;
static struct deep *frames;
ASYNC(very_deep, int i; asyncio_call_graph_node *nodes; bool full;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&gate, NULL);
    self->nodes = (asyncio_call_graph_node *)malloc((DEEP + 1) * sizeof *self->nodes);
    for (self->i = 0; self->i < DEEP; self->i++)
        asyncio_create_task(ASYNC_AT(&many[self->i], joins, .task = self->i > 0 ? ASYNC_TASK(&many[self->i - 1]) : NULL));
    many[0].frame.task = (asyncio_task *)(void *)&gate; /* awaited the same way */
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK_EQ(asyncio_capture_call_graph(&gate, self->nodes, DEEP + 1, &self->full), DEEP + 1);
    CHECK(!self->full);
    CHECK_EQ(self->nodes[DEEP].depth, DEEP);
    CHECK(asyncio_format_call_graph(NULL, 0, &gate, NULL, 0) > DEEP);
    CHECK(asyncio_format_call_graph(text, sizeof text, &gate, NULL, 0) > sizeof text);
    CHECK_EQ(strlen(text), sizeof text - 1);
    left = 0;
    (void)asyncio_format_call_graph(text, sizeof text, &gate, NULL, 0);
    CHECK(strstr(text, "\n... (out of memory)\n") != NULL);
    left = 1;
    (void)asyncio_format_call_graph(text, sizeof text, &gate, NULL, 0);
    CHECK(strstr(text, "\n... (out of memory)\n") != NULL);
    left = -1;
    free(self->nodes);
    asyncio_future_set_result(&gate, 0);
    ASYNC_AWAIT(ASYNC_TASK(&many[DEEP - 1]));
    ASYNC_END;
}
TEST(test_deep_graph)
{
    many = (struct joins_task *)malloc(DEEP * sizeof *many);
    open_loop();
    CHECK_EQ(run(ASYNC_NEW(very_deep)), 0);
    close_loop();
    free(many);
}

/* ---- Stacks ---- */

static const char *print_stack(asyncio_task *task, asyncio_coro *here)
{
    FILE *file = tmpfile();
    size_t size;
    asyncio_task_print_stack(file, task, here);
    rewind(file);
    size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return plain();
}
ASYNC(fails_below)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_RAISE(ASYNCIO_EVALUE);
    ASYNC_END;
}
ASYNC(fails, struct fails_below below;)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(ASYNC_IN(&self->below, fails_below));
    ASYNC_END;
}
enum { FRAMES = 2000 };
ASYNC(stacks, asyncio_frame_info infos[3]; asyncio_task *task;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&gate, NULL);
    asyncio_create_task(ASYNC_NEW(outer), .name = "waits", .into = &first);
    asyncio_create_task(ASYNC_NEW(fails), .name = "fails", .into = &second);
    asyncio_create_task(ASYNC_NEW(deep, .below = frames, .depth = FRAMES, .target = &gate), .into = &self->task);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK_EQ(asyncio_task_get_stack(first, NULL, NULL, 0), 2);
    CHECK_EQ(asyncio_task_get_stack(first, NULL, self->infos, 3), 2);
    CHECK_STR(self->infos[0].function, "outer");
    CHECK_STR(self->infos[1].function, "inner");
    CHECK(self->infos[1].line != 0 && self->infos[0].line > self->infos[1].line);
    CHECK_EQ(asyncio_task_get_stack(first, NULL, self->infos, 1), 2); /* the newest */
    CHECK_STR(self->infos[0].function, "inner");
    CHECK_EQ(asyncio_task_get_stack(self->task, NULL, self->infos, 3), FRAMES + 1);
    CHECK_STR(print_stack(first, NULL), "Stack for Task(name='waits') (most recent call last):\n"
                                        "  F, L, in outer\n"
                                        "  F, L, in inner\n");
    (void)print_stack(self->task, NULL);
    CHECK(strstr(text, "memory") == NULL);
    left = 0;
    (void)print_stack(self->task, NULL);
    CHECK(strstr(text, "memory") != NULL);
    left = -1;
    CHECK_STR(print_stack(asyncio_current_task(), &self->coro) + strlen("Stack for Task(name='"),
              "main') (most recent call last):\n  F, L, in stacks\n");
    ASYNC_AWAIT(asyncio_sleep(2));
    CHECK_STR(print_stack(second, NULL), "Traceback for Task(name='fails') (most recent call last):\n"
                                         "  F, L, in fails\n"
                                         "  F, L, in fails_below\n"
                                         "ValueError: [20599] an argument is out of range\n");
    asyncio_future_set_result(&gate, 0);
    ASYNC_AWAIT(first);
    CHECK_STR(print_stack(first, NULL), "No stack for Task(name='waits')\n");
    CHECK_EQ(asyncio_task_get_stack(first, NULL, self->infos, 3), 0);
    (void)asyncio_task_exception(second);
    asyncio_task_release(first);
    asyncio_task_release(second);
    asyncio_task_release(self->task);
    ASYNC_END;
}
TEST(test_task_get_stack)
{
    frames = (struct deep *)malloc(FRAMES * sizeof *frames);
    CHECK_EQ(run_named(ASYNC_NEW(stacks)), 0);
    free(frames);
}

/* ---- All tasks; a signal ---- */

#if ASYNCIO_SELECTORS && ASYNCIO_ALL_TASKS
static const char *everything = "* Task(name='main')\n"
                                "  + Call stack:\n"
                                "  |   F, L, in async all()\n"
                                "* Task(name='leaf')\n"
                                "  + Call stack:\n"
                                "  |   F, L, in async inner()\n"
                                "  + Awaited by:\n"
                                "    * Task(name='waits')\n"
                                "      + Call stack:\n"
                                "      |   F, L, in async joins()\n"
                                "* Task(name='a')\n"
                                "  + Call stack:\n"
                                "  |   F, L, in async joins()\n"
                                "  + Awaited by:\n"
                                "    * Task(name='b')\n"
                                "      + Call stack:\n"
                                "      |   F, L, in async joins()\n"
                                "      + Awaited by:\n"
                                "        * Task(name='a') (see above)\n";
static void read_stderr(FILE *file)
{
    size_t size;
    rewind(file);
    size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
}
ASYNC(all, int i; int kept; FILE *file;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&gate, NULL);
    for (self->i = 0; self->i < 2; self->i++)
        asyncio_create_task(ASYNC_NEW(joins), .name = self->i == 0 ? "a" : "b", .into = &ring[self->i]);
    for (self->i = 0; self->i < 2; self->i++)
        ((struct joins *)(void *)asyncio_task_get_coro(ring[self->i]))->task = ring[1 - self->i];
    asyncio_create_task(ASYNC_NEW(inner), .name = "leaf", .into = &first);
    asyncio_create_task(ASYNC_NEW(joins, .task = first), .name = "waits");
    CHECK_EQ(asyncio_print_call_graph_on_signal(NULL, SIGUSR1), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    self->file = tmpfile();
    fflush(stderr);
    self->kept = dup(2);
    dup2(fileno(self->file), 2);
    CHECK_EQ(raise(SIGUSR1), 0);
    ASYNC_AWAIT(asyncio_sleep(1));
    dup2(self->kept, 2);
    close(self->kept);
    read_stderr(self->file);
    CHECK_STR(plain(), everything);
    fclose(self->file);
    for (self->i = 0; self->i < 2; self->i++) {
        self->file = tmpfile();
        left = self->i;
        asyncio_print_all_call_graphs(self->file, NULL);
        left = -1;
        read_stderr(self->file);
        CHECK_STR(text, "... (out of memory)\n");
        fclose(self->file);
    }
    CHECK_EQ(asyncio_remove_signal_handler(&loop, SIGUSR1, NULL), 0);
    for (self->i = 0; self->i < 2; self->i++) {
        asyncio_task_cancel(ring[self->i], NULL);
        asyncio_task_release(ring[self->i]);
    }
    asyncio_future_set_result(&gate, 0);
    ASYNC_AWAIT(first);
    asyncio_task_release(first);
    ASYNC_AWAIT(asyncio_sleep(1));
    ASYNC_END;
}
TEST(test_on_signal)
{
    CHECK_EQ(run_named(ASYNC_NEW(all)), 0);
}
#endif

int main(void)
{
    RUN(test_chain_and_limits);
    RUN(test_the_current_task);
    RUN(test_stack_tgroup);
    RUN(test_stack_tgroup_in_its_body);
    RUN(test_stack_gather);
    RUN(test_stack_shield);
    RUN(test_stack_wait);
    RUN(test_stack_task);
    RUN(test_stack_future);
    RUN(test_build_graph_behind_callbacks);
    RUN(test_circles);
    RUN(test_deep_graph);
    RUN(test_task_get_stack);
#if ASYNCIO_SELECTORS && ASYNCIO_ALL_TASKS
    RUN(test_on_signal);
#endif
    return tap_end();
}
