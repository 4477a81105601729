/* Context variables, after CPython's test_context.py and what test_tasks.py, test_futures.py, test_events.py,
 * test_base_events.py and test_runners.py have of contexts.
 *
 * Left out of test_context.py: repr() and arguments of a wrong type (the compiler's), LookupError (a variable has a
 * default), generators, and the hash tree's own tests (a table is an array). */
#include <stddef.h>
static inline void *limited_malloc(size_t size);
static inline void counted_free(void *memory);
#define ASYNCIO_MALLOC(size) limited_malloc(size)
#define ASYNCIO_FREE(memory) counted_free(memory)
#include "asyncio.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include "tap.h"

#if ASYNCIO_CONTEXTS

static int blocks;
static long left = -1; /* allocations until one fails; negative: none does */

/* A second thread allocates while the first one waits for it. */
static inline void *limited_malloc(size_t size)
{
    if (left >= 0 && left-- == 0)
        return NULL;
    (void)__atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
    return malloc(size);
}
static inline void counted_free(void *memory)
{
    (void)__atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
    free(memory);
}

#define E1 (ASYNCIO_EUSER + 1)

static const asyncio_contextvar var = ASYNCIO_CONTEXTVAR("var", 0);
static const asyncio_contextvar other = ASYNCIO_CONTEXTVAR("other", -1);

static const asyncio_task_options no_options = {NULL, NULL, 0, NULL};
static asyncio_loop loop;
static asyncio_context *context;
static asyncio_handle handle, second_handle;

static void open_loop(void) { CHECK_EQ(asyncio_loop_init(&loop, &asyncio_virtual_port), 0); }
static void close_loop(void)
{
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    CHECK_EQ(blocks, 0);
}
static void step(int times)
{
    while (times-- > 0)
        CHECK_EQ(asyncio_loop_step(&loop, 0), 0);
}
#define RUN_CORO(...) run(ASYNC_NEW(__VA_ARGS__))
static int run(asyncio_root *root) { return asyncio_run_until_complete(&loop, root, NULL); }

static void set_var(void *arg) { CHECK_EQ(asyncio_contextvar_set(&var, (asyncio_value)arg, NULL), 0); }
static void log_var(void *arg)
{
    if (arg != NULL)
        log_add((const char *)arg);
    log_number(asyncio_contextvar_get(&var));
}
static void log_then_set(void *arg)
{
    log_var(NULL);
    set_var(arg);
}
static void log_done(asyncio_future *future, void *arg)
{
    (void)future;
    log_var(arg);
}

/* ---- Variables and contexts ---- */

TEST(test_context_var_new)
{
    asyncio_value value = 7;
    CHECK_EQ(asyncio_contextvar_get(&var), 0);
    CHECK_EQ(asyncio_contextvar_get(&other), -1);
    CHECK(!asyncio_contextvar_lookup(&var, &value));
    CHECK_EQ(value, 0);
    CHECK_STR(var.name, "var");
}

TEST(test_context_get_context_1)
{
    asyncio_context *empty = asyncio_copy_context();
    CHECK_EQ(asyncio_context_len(empty), 0);
    CHECK_EQ(asyncio_context_get(empty, &other), -1);
    asyncio_context_release(empty);
    CHECK_EQ(blocks, 0);
}

static asyncio_contextvar_token tokens[4];
static void sets_and_resets(void *arg)
{
    asyncio_value value;
    (void)arg;
    CHECK_EQ(asyncio_contextvar_set(&var, 1, &tokens[0]), 0);
    CHECK(!tokens[0].was_set);
    CHECK_EQ(asyncio_contextvar_set(&var, 2, &tokens[1]), 0);
    CHECK(tokens[1].was_set);
    CHECK_EQ(tokens[1].old_value, 1);
    CHECK(asyncio_contextvar_lookup(&var, &value));
    CHECK_EQ(value, 2);
    CHECK_EQ(asyncio_contextvar_set(&other, 3, &tokens[2]), 0);
    CHECK_EQ(asyncio_context_len(context), 2);
    CHECK_EQ(asyncio_contextvar_reset(&var, &tokens[1]), 0);
    CHECK_EQ(asyncio_contextvar_get(&var), 1);
    CHECK_EQ(asyncio_contextvar_reset(&var, &tokens[1]), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_contextvar_reset(&var, &tokens[2]), ASYNCIO_EVALUE);
    CHECK_EQ(asyncio_contextvar_reset(&var, &tokens[0]), 0);
    CHECK(!asyncio_contextvar_lookup(&var, &value));
    CHECK_EQ(asyncio_contextvar_get(&other), 3);
    CHECK_EQ(asyncio_context_len(context), 1);
}
static void resets_elsewhere(void *arg)
{
    (void)arg;
    CHECK_EQ(asyncio_contextvar_reset(&other, &tokens[2]), ASYNCIO_EVALUE);
}

/* test_context_run_3 to 7, test_token */
TEST(test_context_run_set_and_reset)
{
    asyncio_context *elsewhere = asyncio_context_new();
    context = asyncio_context_new();
    CHECK_EQ(asyncio_context_run(context, sets_and_resets, NULL), 0);
    CHECK_EQ(asyncio_contextvar_get(&other), -1);
    CHECK_EQ(asyncio_context_get(context, &other), 3);
    CHECK_EQ(asyncio_context_run(elsewhere, resets_elsewhere, NULL), 0);
    resets_elsewhere(NULL);
    asyncio_context_release(context);
    asyncio_context_release(elsewhere);
    CHECK_EQ(blocks, 0);
}

TEST(test_context_copy_1)
{
    asyncio_context *one = asyncio_context_new(), *two, *three;
    CHECK_EQ(asyncio_context_run(one, set_var, (void *)1), 0);
    two = asyncio_context_copy(one);
    three = asyncio_context_copy(two);
    CHECK_EQ(asyncio_context_run(two, set_var, (void *)2), 0);
    CHECK_EQ(asyncio_context_get(one, &var), 1);
    CHECK_EQ(asyncio_context_get(two, &var), 2);
    CHECK_EQ(asyncio_context_get(three, &var), 1);
    asyncio_context_release(one);
    CHECK_EQ(asyncio_context_get(three, &var), 1);
    asyncio_context_release(two);
    asyncio_context_release(three);
    CHECK_EQ(blocks, 0);
}

static asyncio_context *contexts[3];
static void enters(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    log_number(depth);
    if (depth < 2) {
        CHECK_EQ(asyncio_context_run(contexts[depth + 1], enters, (void *)(depth + 1)), 0);
        CHECK_EQ(asyncio_context_run(contexts[depth], enters, arg), ASYNCIO_ERUNTIME); /* the current one */
    } else {
        CHECK_EQ(asyncio_context_run(contexts[0], enters, arg), ASYNCIO_ERUNTIME); /* below */
        CHECK_EQ(asyncio_context_run(contexts[1], enters, arg), ASYNCIO_ERUNTIME);
    }
}
TEST(test_context_run_1_already_entered)
{
    int i;
    for (i = 0; i < 3; i++)
        contexts[i] = asyncio_context_new();
    CHECK_EQ(asyncio_context_run(contexts[0], enters, NULL), 0);
    CHECK_LOG("0 1 2");
    CHECK_EQ(asyncio_context_run(contexts[2], log_var, NULL), 0); /* entered before, left since */
    CHECK_LOG("0");
    CHECK_EQ(asyncio_context_run(NULL, enters, NULL), ASYNCIO_ENOMEM);
    for (i = 0; i < 3; i++)
        asyncio_context_release(contexts[i]);
    CHECK_EQ(blocks, 0);
}

/* Every order of setting and resetting of many variables, next to a plain array; with and without somebody who holds
 * the same table. */
#define MANY 40
static asyncio_contextvar many[MANY];
static asyncio_value model[MANY];
static unsigned model_len, seed = 1;
static unsigned draw(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}
static void check_model(asyncio_context *where)
{
    const asyncio_contextvar *at;
    asyncio_value value;
    size_t i;
    CHECK_EQ(asyncio_context_len(where), model_len);
    for (i = 0; i < MANY; i++)
        CHECK_EQ(asyncio_context_get(where, &many[i]), model[i]);
    for (i = 0; asyncio_context_item(where, i, &at, &value); i++)
        CHECK_EQ(model[at - many], value);
    CHECK_EQ(i, model_len);
}
static void many_vars(void *arg)
{
    static asyncio_contextvar_token token[400];
    static asyncio_value before[400];
    asyncio_context *copy = NULL;
    int i;
    (void)arg;
    for (i = 0; i < 400; i++) {
        unsigned which = draw(MANY);
        before[i] = model[which];
        CHECK_EQ(asyncio_contextvar_set(&many[which], i + 1, &token[i]), 0);
        model_len += model[which] == 0;
        model[which] = i + 1;
        if (draw(4) == 0) {
            asyncio_context_release(copy);
            copy = asyncio_context_copy(context);
            check_model(copy);
        }
        check_model(context);
    }
    for (i = 399; i >= 0; i--) {
        size_t which = (size_t)(token[i].var - many);
        CHECK_EQ(asyncio_contextvar_reset(token[i].var, &token[i]), 0);
        model[which] = before[i];
        model_len -= before[i] == 0;
        if (draw(4) == 0) {
            asyncio_context_release(copy);
            copy = asyncio_context_copy(context);
        }
        check_model(context);
    }
    CHECK_EQ(model_len, 0);
    asyncio_context_release(copy);
}
TEST(test_many_variables)
{
    context = asyncio_context_new();
    CHECK_EQ(asyncio_context_run(context, many_vars, NULL), 0);
    CHECK_EQ(blocks, 1); /* an empty context has no table */
    asyncio_context_release(context);
    CHECK_EQ(blocks, 0);
}

TEST(test_outside_of_a_loop)
{
    asyncio_contextvar_token token;
    set_var((void *)0);
    CHECK_EQ(asyncio_contextvar_set(&var, 5, &token), 0);
    context = asyncio_copy_context();
    CHECK_EQ(asyncio_context_get(context, &var), 5);
    CHECK_EQ(asyncio_contextvar_reset(&var, &token), 0);
    CHECK_EQ(asyncio_contextvar_get(&var), 0);
    asyncio_context_release(context);
    token.used = false;
    token.was_set = false;
    CHECK_EQ(asyncio_contextvar_reset(&var, &token), 0); /* back to what it was before the first line */
    CHECK_EQ(blocks, 0);
}

/* ---- Tasks ---- */

ASYNC(leaf, int value;)
{
    ASYNC_BEGIN;
    log_var(NULL);
    set_var((void *)(intptr_t)self->value);
    ASYNC_AWAIT(asyncio_sleep(0));
    log_var(NULL);
    ASYNC_END;
}
ASYNC(starts, asyncio_task *task; struct leaf below;)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    asyncio_create_task(ASYNC_NEW(leaf, .value = 2), .into = &self->task);
    set_var((void *)3); /* too late for the copy */
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    log_var((void *)"mine");
    ASYNC_AWAIT(ASYNC_IN(&self->below, leaf, .value = 4)); /* awaited, no task: it shares */
    log_var((void *)"mine");
    ASYNC_END;
}
TEST(test_context_1)
{
    open_loop();
    CHECK_EQ(RUN_CORO(starts), 0);
    CHECK_LOG("1 2 mine 3 3 4 mine 4");
    CHECK_EQ(asyncio_contextvar_get(&var), 0);
    close_loop();
}

ASYNC(adds_callbacks, asyncio_future future;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    set_var((void *)1);
    asyncio_future_add_done_callback(&self->future, NULL, log_done, (void *)"first");
    set_var((void *)2);
    asyncio_future_add_done_callback(&self->future, &handle, log_done, (void *)"second");
    CHECK_EQ(asyncio_context_get(asyncio_handle_get_context(&handle), &var), 2);
    set_var((void *)3);
    asyncio_future_set_result(&self->future, 0);
    asyncio_future_add_done_callback(&self->future, NULL, log_done, (void *)"third");
    set_var((void *)4);
    ASYNC_AWAIT(asyncio_sleep(0));
    CHECK(asyncio_handle_get_context(&handle) == NULL);
    log_var((void *)"mine");
    ASYNC_END;
}
TEST(test_context_2)
{
    open_loop();
    CHECK_EQ(RUN_CORO(adds_callbacks), 0);
    CHECK_LOG("first 1 second 2 third 3 mine 4");
    close_loop();
}

/* A hundred tasks at once, each with its own value. */
ASYNC(keeps_its_own, int number; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 10; self->i++) {
        set_var((void *)(intptr_t)(self->number + self->i));
        ASYNC_AWAIT(asyncio_sleep((self->number * 7 + self->i) % 13));
        CHECK_EQ(asyncio_contextvar_get(&var), self->number + self->i);
    }
    ASYNC_END;
}
static asyncio_child a_hundred[100];
ASYNC(runs_a_hundred, asyncio_gather all; int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0; self->i < 100; self->i++)
        asyncio_child_set(&a_hundred[self->i], ASYNC_NEW(keeps_its_own, .number = 1 + self->i * 11 % 30));
    ASYNC_AWAIT(asyncio_gather_n(&self->all, a_hundred, 100));
    log_var((void *)"mine");
    ASYNC_END;
}
TEST(test_context_3)
{
    open_loop();
    CHECK_EQ(RUN_CORO(runs_a_hundred), 0);
    CHECK_LOG("mine 0");
    close_loop();
}

ASYNC(removes_callbacks, asyncio_future future;)
{
    ASYNC_BEGIN;
    asyncio_future_init(&self->future, NULL);
    set_var((void *)1);
    asyncio_future_add_done_callback(&self->future, &handle, log_done, NULL);
    asyncio_future_add_done_callback(&self->future, NULL, log_done, (void *)"heap");
    asyncio_future_add_done_callback(&self->future, &second_handle, log_done, NULL);
    set_var((void *)2);
    asyncio_handle_cancel(&handle);
    CHECK_EQ(asyncio_future_remove_done_callback(&self->future, log_done, (void *)"heap"), 1);
    asyncio_future_set_result(&self->future, 0);
    asyncio_handle_cancel(&second_handle);
    asyncio_call_soon(&loop, &handle, log_var, NULL);
    asyncio_call_later(&loop, &second_handle, 1, log_var, NULL);
    set_var((void *)3);
    asyncio_handle_cancel(&handle);
    asyncio_handle_cancel(&second_handle);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
TEST(test_cancelled_callbacks_give_their_context_up)
{
    open_loop();
    CHECK_EQ(RUN_CORO(removes_callbacks), 0);
    CHECK_LOG("");
    close_loop();
}

/* test_context_4, 5, 6: an explicit context is shared, not copied */
ASYNC(shares, asyncio_task *one; asyncio_task *two;)
{
    asyncio_task_options options = {NULL, NULL, 0, NULL};
    ASYNC_BEGIN;
    context = asyncio_copy_context();
    asyncio_create_task(ASYNC_NEW(leaf, .value = 1), .into = &self->one, .context = context);
    options.into = &self->two;
    options.context = context;
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(leaf, .value = 2), &options), 0);
    CHECK(asyncio_task_get_context(self->one) == context);
    CHECK(asyncio_task_get_context(self->two) == context);
    ASYNC_AWAIT(self->one);
    ASYNC_AWAIT(self->two);
    CHECK(asyncio_task_get_context(self->one) == NULL);
    asyncio_task_release(self->one);
    asyncio_task_release(self->two);
    CHECK_EQ(asyncio_context_get(context, &var), 2);
    log_var((void *)"mine");
    ASYNC_END;
}
TEST(test_context_4)
{
    open_loop();
    CHECK_EQ(RUN_CORO(shares), 0);
    CHECK_LOG("0 1 2 2 mine 0");
    CHECK_EQ(context->head.holds, 1);
    asyncio_context_release(context);
    close_loop();
}

ASYNC(asked, asyncio_task *task; asyncio_context *mine; asyncio_contextvar_token token;)
{
    ASYNC_BEGIN;
    CHECK_EQ(asyncio_contextvar_set(&var, 1, &self->token), 0);
    self->mine = asyncio_task_get_context(asyncio_current_task()); /* from here on an object, and still the same */
    CHECK_EQ(asyncio_context_get(self->mine, &var), 1);
    asyncio_create_task(ASYNC_NEW(leaf, .value = 5), .into = &self->task, .context = self->mine);
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    log_var((void *)"mine");
    CHECK_EQ(asyncio_context_run(self->mine, log_var, NULL), ASYNCIO_ERUNTIME);
    CHECK_EQ(asyncio_contextvar_reset(&var, &self->token), 0);
    CHECK(asyncio_task_get_context(asyncio_current_task()) == self->mine);
    asyncio_context_hold(self->mine);
    set_var((void *)6);
    context = self->mine;
    ASYNC_END;
}
TEST(test_get_context)
{
    open_loop();
    CHECK_EQ(RUN_CORO(asked), 0);
    CHECK_LOG("1 5 mine 5");
    CHECK_EQ(asyncio_context_get(context, &var), 6);
    asyncio_context_release(context);
    close_loop();
}

static void starts_eagerly(void *arg)
{
    (void)arg;
    set_var((void *)7);
    asyncio_create_task(ASYNC_NEW(leaf, .value = 8), .eager_start = 1);
    log_var((void *)"outer"); /* the eager step has set its own copy */
    set_var((void *)9);
}
ASYNC(eager, asyncio_task *task; asyncio_context *run_in;)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    asyncio_create_task(ASYNC_NEW(leaf, .value = 2), .eager_start = 1, .into = &self->task);
    log_var((void *)"mine");
    ASYNC_AWAIT(self->task);
    asyncio_task_release(self->task);
    self->run_in = asyncio_copy_context();
    CHECK_EQ(asyncio_context_run(self->run_in, starts_eagerly, NULL), 0);
    log_number(asyncio_context_get(self->run_in, &var));
    asyncio_context_release(self->run_in);
    log_var((void *)"mine");
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_END;
}
TEST(test_eager_start)
{
    open_loop();
    CHECK_EQ(RUN_CORO(eager), 0);
    CHECK_LOG("1 mine 1 2 7 outer 7 9 mine 1 8");
    close_loop();
}

/* What is entered below the one that runs, also below an eager start and below a loop, cannot be entered again. */
static int refused;
static void is_called(void *arg) { (void)arg; log_number(1); }
ASYNC(enters_below, asyncio_context *context;)
{
    ASYNC_BEGIN;
    refused += asyncio_context_run(self->context, is_called, NULL) == ASYNCIO_ERUNTIME;
    ASYNC_END;
}
ASYNC(enters_its_parent_s, asyncio_task *parent;)
{
    ASYNC_BEGIN; /* not an object before: that is made in a slot which is below already */
    refused += asyncio_context_run(asyncio_task_get_context(self->parent), is_called, NULL) == ASYNCIO_ERUNTIME;
    ASYNC_END;
}
static void starts_child_of(void *arg)
{
    asyncio_create_task(ASYNC_NEW(enters_below, .context = (asyncio_context *)arg), .eager_start = 1);
}
ASYNC(covers, asyncio_context *context;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(enters_its_parent_s, .parent = asyncio_current_task()), .eager_start = 1);
    CHECK_EQ(refused, 1);
    refused += asyncio_context_run(self->context, is_called, NULL) == ASYNCIO_ERUNTIME; /* below the loop */
    CHECK_EQ(refused, 2);
    self->context = asyncio_context_new();
    CHECK_EQ(asyncio_context_run(self->context, starts_child_of, self->context), 0);
    CHECK_EQ(refused, 3);
    CHECK_EQ(asyncio_context_run(self->context, is_called, NULL), 0);
    asyncio_context_release(self->context);
    ASYNC_END;
}
static void runs_covers(void *arg) { CHECK_EQ(RUN_CORO(covers, .context = (asyncio_context *)arg), 0); }
TEST(test_entered_below)
{
    asyncio_context *outside = asyncio_context_new();
    refused = 0;
    open_loop();
    CHECK_EQ(asyncio_context_run(outside, runs_covers, outside), 0);
    CHECK_EQ(refused, 3);
    CHECK_LOG("1");
    asyncio_context_release(outside);
    close_loop();
}

/* A task in storage, one that nobody lets run, one that waits: each gives its context up. */
ASYNC(lasts)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    ASYNC_AWAIT(asyncio_sleep(60));
    ASYNC_END;
}
static void ignore(asyncio_loop *where, const asyncio_exception_context *report, void *arg)
{
    (void)where, (void)report, (void)arg;
}
ASYNC(leaves, struct leaf_task storage; asyncio_future *never;)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    asyncio_create_task(ASYNC_AT(&self->storage, leaf, .value = 2));
    asyncio_create_task(ASYNC_NEW(lasts));
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK(ASYNC_TASK(&self->storage)->context == NULL);
    asyncio_create_task(ASYNC_NEW(lasts));
    asyncio_call_soon(&loop, NULL, log_var, NULL);
    asyncio_call_later(&loop, NULL, 9, log_var, NULL);
    asyncio_future_add_done_callback(self->never, NULL, log_done, NULL);
    asyncio_call_soon_threadsafe(&loop, NULL, log_var, NULL);
    asyncio_loop_stop(&loop);
    ASYNC_END;
}
TEST(test_closing_the_loop)
{
    asyncio_future never;
    open_loop();
    asyncio_set_exception_handler(&loop, ignore, NULL);
    asyncio_future_init(&never, &loop);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(leaves, .never = &never), &no_options), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_LOG("1 2");
    asyncio_future_remove_done_callback(&never, log_done, NULL);
    close_loop();
}

/* ---- Exception handlers ---- */

static void on_report(asyncio_loop *where, const asyncio_exception_context *report, void *arg)
{
    (void)where, (void)arg;
    log_add(report->message);
    log_var(NULL);
    set_var((void *)99); /* in the task's context, wherever that is by now */
}
ASYNC(fails, int value;)
{
    ASYNC_BEGIN;
    set_var((void *)(intptr_t)self->value);
    ASYNC_RAISE(E1);
    ASYNC_END;
}
ASYNC(reports, struct fails_task storage; asyncio_task *kept; asyncio_exception_context report;)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    asyncio_create_task(ASYNC_NEW(fails, .value = 2));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_create_task(ASYNC_AT(&self->storage, fails, .value = 3));
    ASYNC_AWAIT(asyncio_sleep(0));
    asyncio_create_task(ASYNC_NEW(fails, .value = 4), .into = &self->kept);
    ASYNC_AWAIT(asyncio_sleep(1));
    asyncio_task_release(self->kept);
    asyncio_create_task(ASYNC_NEW(fails, .value = 5), .into = &self->kept);
    ASYNC_AWAIT(asyncio_sleep(1));
    CHECK_EQ(asyncio_task_exception(self->kept), E1);
    self->report.message = "about a task that is done";
    self->report.task = self->kept;
    asyncio_call_exception_handler(&loop, &self->report);
    asyncio_task_release(self->kept);
    asyncio_create_task(ASYNC_NEW(leaf, .value = 6), .into = &self->kept);
    ASYNC_AWAIT(self->kept);
    self->report.task = self->kept;
    asyncio_call_exception_handler(&loop, &self->report);
    asyncio_task_release(self->kept);
    self->report.message = "about no task";
    self->report.task = NULL;
    asyncio_call_exception_handler(&loop, &self->report);
    log_var((void *)"mine");
    ASYNC_END;
}
TEST(test_exception_handlers_run_in_the_task_s_context)
{
    open_loop();
    asyncio_set_exception_handler(&loop, on_report, NULL);
    CHECK_EQ(RUN_CORO(reports), 0);
    CHECK_LOG("Task exception was never retrieved 2 Task exception was never retrieved 3 "
              "Task exception was never retrieved 4 about a task that is done 5 1 6 about a task that is done 0 "
              "about no task 1 mine 99");
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(lasts), &no_options), 0);
    step(1);
    close_loop();
    CHECK_LOG("Task was destroyed but it is pending! 1");
}

/* ---- Callbacks ---- */

ASYNC(calls)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    asyncio_call_soon(&loop, NULL, log_then_set, (void *)2);
    asyncio_call_soon(&loop, NULL, log_then_set, (void *)3); /* a copy of its own */
    asyncio_call_later(&loop, NULL, 1, log_var, (void *)"later");
    asyncio_call_soon_threadsafe(&loop, NULL, log_var, (void *)"threadsafe");
    set_var((void *)4);
    asyncio_call_at(&loop, NULL, asyncio_loop_time(&loop) + 1, log_var, (void *)"at");
    ASYNC_AWAIT(asyncio_sleep(2));
    log_var((void *)"mine");
    ASYNC_END;
}
TEST(test_callbacks_run_in_a_copy)
{
    open_loop();
    CHECK_EQ(RUN_CORO(calls), 0);
#if ASYNCIO_THREADS
    CHECK_LOG("1 1 threadsafe 1 at 4 later 1 mine 4");
#else
    CHECK_LOG("1 1 threadsafe 0 at 4 later 1 mine 4");
#endif
    close_loop();
}

ASYNC(calls_in_context, asyncio_future future;)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    context = asyncio_context_new();
    CHECK_EQ(asyncio_call_soon_in_context(&loop, NULL, log_then_set, (void *)2, context), 0);
    CHECK_EQ(asyncio_call_soon_in_context(&loop, &handle, log_then_set, (void *)3, context), 0);
    CHECK(asyncio_handle_get_context(&handle) == context);
    CHECK_EQ(asyncio_call_soon_in_context(&loop, NULL, log_then_set, (void *)4, NULL), 0);
    CHECK_EQ(asyncio_call_later_in_context(&loop, NULL, 2, log_var, (void *)"later", context), 0);
    CHECK_EQ(asyncio_call_at_in_context(&loop, NULL, 1, log_then_set, (void *)5, context), 0);
    CHECK_EQ(asyncio_call_later_in_context(&loop, NULL, 0.0 / 0.0, log_var, NULL, context), ASYNCIO_EVALUE);
    asyncio_future_init(&self->future, NULL);
    CHECK_EQ(asyncio_future_add_done_callback_in_context(&self->future, NULL, log_done, (void *)"done", context), 0);
    asyncio_future_set_result(&self->future, 0);
    ASYNC_AWAIT(asyncio_sleep(3));
    CHECK_EQ(context->head.holds, 1);
    CHECK_EQ(asyncio_call_later_in_context(&loop, &handle, 2, log_var, NULL, context), 0);
    CHECK_EQ(asyncio_task_add_done_callback_in_context(asyncio_current_task(), &second_handle, log_done, NULL, context),
             0);
    CHECK_EQ(context->head.holds, 3);
    asyncio_handle_cancel(&handle);
    asyncio_handle_cancel(&second_handle);
    CHECK_EQ(context->head.holds, 1);
    asyncio_context_release(context);
    log_var((void *)"mine");
    ASYNC_END;
}
TEST(test_callbacks_in_a_given_context)
{
    open_loop();
    CHECK_EQ(RUN_CORO(calls_in_context), 0);
    CHECK_LOG("0 2 1 done 3 3 later 5 mine 1");
    close_loop();
    CHECK_EQ(asyncio_call_soon_in_context(&loop, NULL, log_var, NULL, NULL), ASYNCIO_ECLOSED);
    CHECK_EQ(asyncio_call_at_in_context(&loop, NULL, 0, log_var, NULL, NULL), ASYNCIO_ECLOSED);
}

#if ASYNCIO_SELECTORS
static int pipe_ends[2];
static void on_readable(void *arg)
{
    char byte;
    CHECK_EQ(read(pipe_ends[0], &byte, 1), 1);
    log_then_set((char *)arg + asyncio_contextvar_get(&var));
    if (asyncio_contextvar_get(&var) > 5) {
        CHECK(asyncio_remove_reader(&loop, pipe_ends[0]));
        set_var((void *)-1); /* nobody will see it, nor lose it */
    }
}
static void on_signal(void *arg)
{
    log_then_set((char *)arg + asyncio_contextvar_get(&var));
    if (asyncio_contextvar_get(&var) > 5) {
        CHECK_EQ(asyncio_remove_signal_handler(&loop, SIGUSR1, NULL), 0);
        set_var((void *)-1);
    }
}
ASYNC(watches, int i;)
{
    ASYNC_BEGIN;
    set_var((void *)1);
    CHECK_EQ(asyncio_add_reader(&loop, pipe_ends[0], on_readable, (void *)2), 0);
    CHECK_EQ(asyncio_add_signal_handler(&loop, SIGUSR1, on_signal, (void *)3), 0);
    set_var((void *)9);
    for (self->i = 0; self->i < 3; self->i++) {
        CHECK_EQ(write(pipe_ends[1], "x", 1), 1);
        ASYNC_AWAIT(asyncio_sleep(1));
    }
    for (self->i = 0; self->i < 2; self->i++) {
        CHECK_EQ(raise(SIGUSR1), 0);
        ASYNC_AWAIT(asyncio_sleep(1));
    }
    ASYNC_END;
}
TEST(test_readers_and_signal_handlers_keep_their_context)
{
    open_loop();
    CHECK_EQ(pipe(pipe_ends), 0);
    CHECK_EQ(RUN_CORO(watches), 0);
    CHECK_LOG("1 3 5 1 4");
    CHECK_EQ(asyncio_context_run(context = asyncio_context_new(), set_var, (void *)4), 0);
    CHECK_EQ(asyncio_add_reader(&loop, pipe_ends[0], on_readable, NULL), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    asyncio_context_release(context);
    close_loop();
}
#endif

/* ---- Runners ---- */

ASYNC(get_and_set, int value;)
{
    ASYNC_BEGIN;
    log_var(NULL);
    set_var((void *)(intptr_t)self->value);
    ASYNC_END;
}
ASYNC(set_and_fail, int value;)
{
    ASYNC_BEGIN;
    set_var((void *)(intptr_t)self->value);
    ASYNC_RAISE(E1);
    ASYNC_END;
}
ASYNC(hand_out)
{
    ASYNC_BEGIN;
    context = asyncio_context_hold(asyncio_task_get_context(asyncio_current_task()));
    ASYNC_END;
}
TEST(test_run_keeps_context)
{
    static struct get_and_set_task storage;
    asyncio_run_options options = {false, &asyncio_virtual_port, NULL, NULL, false};
    asyncio_runner runner;
    asyncio_contextvar_token token;
    CHECK_EQ(asyncio_contextvar_set(&var, 1, &token), 0);
    asyncio_runner_init(&runner, &options);
    CHECK(asyncio_runner_get_loop(&runner) != NULL);
    set_var((void *)5);
    CHECK_EQ(asyncio_contextvar_reset(&var, &token), 0);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(get_and_set, .value = 2), NULL), 0);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_AT(&storage, get_and_set, .value = 3), NULL), 0);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(set_and_fail, .value = 4), NULL), E1);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(hand_out), NULL), 0);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(get_and_set, .value = 6), NULL), 0);
    CHECK_LOG("1 2 4");
    CHECK_EQ(asyncio_context_get(context, &var), 6);
    asyncio_context_release(context);
    context = asyncio_context_new();
    CHECK_EQ(asyncio_runner_run_in_context(&runner, ASYNC_NEW(get_and_set, .value = 7), NULL, context), 0);
    CHECK_EQ(asyncio_context_get(context, &var), 7);
    asyncio_context_release(context);
    CHECK_EQ(asyncio_runner_run(&runner, ASYNC_NEW(get_and_set, .value = 8), NULL), 0);
    CHECK_LOG("0 6");
    CHECK_EQ(asyncio_runner_close(&runner), 0);
    CHECK_EQ(asyncio_contextvar_get(&var), 0);
    CHECK_EQ(blocks, 0);
}

TEST(test_run)
{
    CHECK_EQ(asyncio_run(ASYNC_NEW(get_and_set, .value = 2), .port = &asyncio_virtual_port), 0);
    CHECK_EQ(asyncio_run(ASYNC_NEW(get_and_set, .value = 2), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("0 0");
    CHECK_EQ(blocks, 0);
}

/* ---- The block ---- */

ASYNC(holds_a_block, asyncio_contextvar_setting outer; asyncio_contextvar_setting inner; asyncio_try attempt;)
{
    ASYNC_BEGIN;
    ASYNC_TRY(&self->attempt)
    {
        ASYNC_WITH(&self->outer, asyncio_contextvar_setting(&var, 1))
        {
            log_var(NULL);
            ASYNC_WITH(&self->inner, asyncio_contextvar_setting(&var, 2))
            {
                ASYNC_AWAIT(asyncio_sleep(1));
                log_var(NULL);
            }
            log_var(NULL);
            ASYNC_RAISE(E1);
        }
    }
    CHECK_EQ(self->attempt.block.err, E1);
    log_var(NULL);
    ASYNC_WITH(&self->outer, asyncio_contextvar_setting(&var, 3))
        CHECK_EQ(asyncio_contextvar_reset(&var, &self->outer.token), 0); /* its exit notices */
    ASYNC_END;
}
TEST(test_setting)
{
    open_loop();
    CHECK_EQ(RUN_CORO(holds_a_block), ASYNCIO_ERUNTIME);
    CHECK_LOG("1 2 1 0");
    close_loop();
}

/* ---- Threads ---- */

#if ASYNCIO_THREADS && ASYNCIO_SELECTORS
static asyncio_concurrent_future answer;
ASYNC(answers)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_RETURN(asyncio_contextvar_get(&var));
    ASYNC_END;
}
static asyncio_value answered;
static void ask(void *arg)
{
    (void)arg;
    set_var((void *)42);
    asyncio_run_coroutine_threadsafe(ASYNC_NEW(answers), &loop, &answer);
    set_var((void *)43); /* this thread has copied its table by now, or the loop's */
    CHECK_EQ(asyncio_concurrent_future_result(&answer, 10, &answered), 0);
    log_var(NULL);
}
static void stop(void *arg) { asyncio_loop_stop((asyncio_loop *)arg); }
static void *asks(void *arg)
{
    asyncio_context *mine = asyncio_context_new();
    (void)arg;
    CHECK_EQ(asyncio_contextvar_get(&var), 0); /* test_context_threads_1: a thread begins with nothing */
    CHECK_EQ(asyncio_context_run(mine, ask, NULL), 0);
    asyncio_context_release(mine);
    asyncio_concurrent_future_destroy(&answer);
    asyncio_call_soon_threadsafe(&loop, NULL, stop, &loop);
    return NULL;
}
ASYNC(hosts, int i;)
{
    ASYNC_BEGIN;
    for (self->i = 0;; self->i++) {
        set_var((void *)(intptr_t)self->i);
        ASYNC_AWAIT(asyncio_sleep(0.001));
    }
    ASYNC_END;
}
TEST(test_threads)
{
    pthread_t thread;
    CHECK_EQ(asyncio_loop_init(&loop, NULL), 0);
    asyncio_set_exception_handler(&loop, ignore, NULL);
    CHECK_EQ(asyncio_loop_create_task(&loop, ASYNC_NEW(hosts), &no_options), 0);
    asyncio_loop_add_source(&loop);
    CHECK_EQ(pthread_create(&thread, NULL, asks, NULL), 0);
    CHECK_EQ(asyncio_run_forever(&loop), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(answered, 42);
    CHECK_LOG("43");
    close_loop();
}
#endif

/* ---- Out of memory ---- */

static int failures;
static int note(int err)
{
    CHECK(err == 0 || err == ASYNCIO_ENOMEM);
    failures += err != 0;
    return err;
}
static void sets_in_little_memory(void *arg)
{
    asyncio_contextvar_token a, b;
    asyncio_value before = asyncio_contextvar_get(&var), other_before = asyncio_contextvar_get(&other);
    (void)arg;
    if (note(asyncio_contextvar_set(&var, 1, &a)) != 0) {
        CHECK_EQ(asyncio_contextvar_get(&var), before);
        return;
    }
    if (note(asyncio_contextvar_set(&other, 2, &b)) != 0)
        CHECK_EQ(asyncio_contextvar_get(&other), other_before);
    else if (note(asyncio_contextvar_reset(&other, &b)) != 0)
        CHECK_EQ(asyncio_contextvar_get(&other), 2);
    else
        CHECK_EQ(asyncio_contextvar_get(&other), other_before);
    if (note(asyncio_contextvar_reset(&var, &a)) == 0)
        CHECK_EQ(asyncio_contextvar_get(&var), before);
    else
        CHECK_EQ(asyncio_contextvar_get(&var), 1);
}
ASYNC(sets_in_task)
{
    ASYNC_BEGIN;
    sets_in_little_memory(NULL);
    ASYNC_END;
}
ASYNC(little_memory, asyncio_context *copy; asyncio_contextvar_token token; asyncio_contextvar_setting setting;
      asyncio_context *run_in; struct sets_in_task_task storage;)
{
    ASYNC_BEGIN;
    if (note(asyncio_contextvar_set(&var, 9, &self->token)) == 0) {
        self->copy = asyncio_copy_context();
        failures += self->copy == NULL;
        sets_in_little_memory(NULL);
        asyncio_context_release(self->copy);
        failures += asyncio_task_get_context(asyncio_current_task()) == NULL;
        sets_in_little_memory(NULL);
        failures += asyncio_call_soon(&loop, NULL, sets_in_little_memory, NULL) != 0;
        note(asyncio_contextvar_reset(&var, &self->token));
    }
    self->run_in = asyncio_context_new();
    failures += asyncio_context_run(self->run_in, sets_in_little_memory, NULL) != 0;
    asyncio_context_release(self->run_in);
    ASYNC_WITH(&self->setting, asyncio_contextvar_setting(&other, 3))
    {
        asyncio_create_task(ASYNC_AT(&self->storage, sets_in_task));
        ASYNC_AWAIT(asyncio_sleep(1));
    }
    ASYNC_END;
}
TEST(test_out_of_memory)
{
    asyncio_contextvar_token token;
    long n;
    left = 0;
    CHECK_EQ(asyncio_contextvar_set(&var, 1, &token), ASYNCIO_ENOMEM);
    left = -1;
    CHECK_EQ(asyncio_contextvar_reset(&var, &token), ASYNCIO_ERUNTIME); /* a token that was never good */
    CHECK_EQ(asyncio_contextvar_get(&var), 0);
    for (n = 0; n < 60; n++) {
        static struct little_memory_task storage;
        open_loop();
        failures = 0;
        left = n;
        failures += asyncio_run_until_complete(&loop, ASYNC_AT(&storage, little_memory), NULL) == ASYNCIO_ENOMEM;
        if (left >= 0) { /* it had enough */
            left = -1;
            CHECK_EQ(failures, 0);
            CHECK(n > 8);
            close_loop();
            log_clear();
            return;
        }
        CHECK(failures > 0);
        left = -1;
        close_loop();
    }
    CHECK(false);
}

int main(void)
{
    RUN(test_context_var_new);
    RUN(test_context_get_context_1);
    RUN(test_context_run_set_and_reset);
    RUN(test_context_copy_1);
    RUN(test_context_run_1_already_entered);
    RUN(test_many_variables);
    RUN(test_outside_of_a_loop);
    RUN(test_context_1);
    RUN(test_context_2);
    RUN(test_context_3);
    RUN(test_cancelled_callbacks_give_their_context_up);
    RUN(test_context_4);
    RUN(test_get_context);
    RUN(test_eager_start);
    RUN(test_entered_below);
    RUN(test_closing_the_loop);
    RUN(test_exception_handlers_run_in_the_task_s_context);
    RUN(test_callbacks_run_in_a_copy);
    RUN(test_callbacks_in_a_given_context);
#if ASYNCIO_SELECTORS
    RUN(test_readers_and_signal_handlers_keep_their_context);
#endif
    RUN(test_run_keeps_context);
    RUN(test_run);
    RUN(test_setting);
#if ASYNCIO_THREADS && ASYNCIO_SELECTORS
    RUN(test_threads);
#endif
    RUN(test_out_of_memory);
    return tap_end();
}

#else
static inline void *limited_malloc(size_t size) { return malloc(size); }
static inline void counted_free(void *memory) { free(memory); }
int main(void)
{
    TAP_WRITE("1..0 # SKIP no contexts\n");
    return 0;
}
#endif
