/* SPDX-License-Identifier: MIT
 *
 * program.h - from the text of a program (tests/programs/README.md) to its statements. Knows nothing of asyncio but its
 * error codes and the objects that names stand for.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
static void *count_malloc(size_t size); /* runs.h */
static void count_free(void *memory);
#define ASYNCIO_MALLOC(size) count_malloc(size)
#define ASYNCIO_FREE(memory) count_free(memory)
#include "asyncio.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory that lives as long as the program ---- */

struct room {
    struct room *next;
};
static struct room *rooms;

/* Zeroed. */
static void *make_room(size_t size)
{
    const size_t head = 16; /* enough for any alignment */
    struct room *room = (struct room *)calloc(1, size + head);
    if (room == NULL)
        abort();
    room->next = rooms;
    rooms = room;
    return (char *)room + head;
}

static void free_rooms(void)
{
    while (rooms != NULL) {
        struct room *next = rooms->next;
        free(rooms);
        rooms = next;
    }
}

/* ---- Names ---- */

#define KINDS(X)                                                                                                       \
    X(TASK, "task") X(FUTURE, "future") X(HANDLE, "handle") X(NUMBER, "number") X(GROUP, "group")                      \
    X(TIMEOUT, "timeout") X(CONTEXT, "context") X(TOKEN, "token") X(LOCK, "lock") X(EVENT, "event")                    \
    X(CONDITION, "condition") X(SEMAPHORE, "semaphore") X(BOUNDED, "bounded") X(BARRIER, "barrier")                    \
    X(QUEUE, "queue") X(LIFO, "lifo") X(PRIORITY, "priority") X(VAR, "var") X(FUNCTION, "def")                         \
    X(CALLBACK, "callback")
#define KIND_ENUM(name, text) name,
#define KIND_TEXT(name, text) text,
enum kind { KINDS(KIND_ENUM) KIND_COUNT };
static const char *const kind_texts[] = {KINDS(KIND_TEXT)};

#define BIT(kind) (1u << (kind))
#define LOCKS (BIT(LOCK) | BIT(SEMAPHORE) | BIT(BOUNDED) | BIT(CONDITION))
#define QUEUES (BIT(QUEUE) | BIT(LIFO) | BIT(PRIORITY))
#define MANY (BIT(TASK) | BIT(FUTURE) | BIT(HANDLE) | BIT(GROUP) | BIT(TIMEOUT) | BIT(CONTEXT) | BIT(TOKEN) |          \
              BIT(LOCK) | BIT(EVENT)) /* declared several at once */

enum { MEMBERS = 32, DEEPEST = 100 }; /* how many words, and how many blocks in each other */

struct statement;
struct future; /* these: see world.h */
struct group;
struct armed;

struct name {
    struct name *next;
    const char *text;
    enum kind kind;
    int number; /* of a number; what a semaphore, barrier, queue or var is declared with */
    bool given; /* that */
    struct name *lock;
    struct statement *body;
    union {
        asyncio_task *task;
        struct future *future;
        struct armed *handle;
        struct group *group;
        asyncio_timeout *timeout;
        asyncio_lock lock;
        asyncio_event event;
        asyncio_condition condition;
        asyncio_semaphore semaphore;
        asyncio_barrier barrier;
        asyncio_queue queue;
        asyncio_context *context;
        asyncio_contextvar var;
        asyncio_contextvar_token *token;
    } is;
};

/* ---- Statements ---- */

struct value {
    enum { LITERAL, OF_NUMBER, ARGUMENT, LAST } how;
    int literal;
    struct name *number;
};

struct when {
    bool none, from_now;
    struct value value;
};

/* A place where a task, a Future, a handle or a context is looked up when the statement runs. */
struct slot {
    enum { NOTHING, NAMED, SELF, ITEM } how;
    struct name *name;
};

enum awaitable_kind {
    AWAIT_X,
    AWAIT_CALL,
    AWAIT_SLEEP,
    AWAIT_ACQUIRE,
    AWAIT_WAIT,
    AWAIT_WAIT_FOR,
    AWAIT_GET,
    AWAIT_PUT,
    AWAIT_JOIN,
    AWAIT_RESET,
    AWAIT_ABORT
};
struct awaitable {
    enum awaitable_kind kind;
    bool shielded;
    bool gives_number;
    struct slot x;
    struct name *object, *number;
    struct value value, result;
};

struct condition {
    bool negated;
    enum { IS_DONE, IS_CANCELLED, IS_LOCKED, IS_SET, IS_EMPTY, IS_FULL, IS_BROKEN, IS_EXPIRED, HAS, IS_EQUAL, IS_LESS } test;
    struct slot x;
    const char *class_name; /* of HAS */
    struct value left, right;
};

struct clause {
    struct clause *next;
    const char *text;
    char **classes;
    int count;
    struct statement *body;
};

/* Verbs with what follows them, a letter each; see `operand`. Capitals: those of the language's [a]. */
#define VERBS(X)                                                                                                       \
    X(DO_AWAIT, "await", "a") X(DO_WAIT_FOR, "wait_for", "La") X(DO_GATHER, "gather", "W")                             \
    X(DO_GATHER_ALL, "gather_all", "W") X(DO_WAIT, "wait", "yTW") X(DO_WITH, "with", "u")                              \
    X(DO_AS_COMPLETED, "as_completed", "TW") X(DO_TRY, "try", "") X(DO_REPEAT, "repeat", "v") X(DO_IF, "if", "?")      \
    X(DO_LOG, "log", "*") X(DO_SET, "set", "nv") X(DO_ADD, "add", "nv") X(DO_RAISE, "raise", "em")                     \
    X(DO_RERAISE, "reraise", "") X(DO_RETURN, "return", "V") X(DO_BREAK, "break", "") X(DO_CONTINUE, "continue", "")   \
    X(DO_SPAWN, "spawn", "P") X(DO_MAKE, "make", "M") X(DO_CANCEL, "cancel", "cm") X(DO_UNCANCEL, "uncancel", "t")     \
    X(DO_CANCELLING, "cancelling", "t") X(DO_NAME, "name", "tm") X(DO_FORGET, "forget", "f")                           \
    X(DO_RESULT, "result", "x") X(DO_EXCEPTION, "exception", "x") X(DO_SET_RESULT, "set_result", "xv")                 \
    X(DO_SET_EXCEPTION, "set_exception", "xe") X(DO_ADD_CALLBACK, "add_callback", "xkK")                               \
    X(DO_REMOVE_CALLBACK, "remove_callback", "xk") X(DO_CURRENT, "current", "") X(DO_ALL_TASKS, "all_tasks", "")       \
    X(DO_FACTORY, "factory", "z") X(DO_CALL_SOON, "call_soon", "HkK") X(DO_CALL_LATER, "call_later", "HvkK")           \
    X(DO_CALL_AT, "call_at", "HdkK") X(DO_THREADSAFE, "threadsafe", "Hk") X(DO_WHEN, "when", "h") X(DO_TIME, "time", "") \
    X(DO_REPORT, "report", "wZ") X(DO_GRAPH, "graph", "x") X(DO_STOP, "stop", "") X(DO_RELEASE, "release", "l")        \
    X(DO_SET_EVENT, "set_event", "E") X(DO_CLEAR, "clear", "E") X(DO_NOTIFY, "notify", "Cv")                           \
    X(DO_NOTIFY_ALL, "notify_all", "C") X(DO_RESCHEDULE, "reschedule", "oD") X(DO_PUT_NOWAIT, "put_nowait", "qv")      \
    X(DO_GET_NOWAIT, "get_nowait", "q") X(DO_TASK_DONE, "task_done", "q") X(DO_SHUTDOWN, "shutdown", "qi")             \
    X(DO_SETVAR, "setvar", "rvS") X(DO_GETVAR, "getvar", "rU") X(DO_RESETVAR, "resetvar", "rs")                        \
    X(DO_COPY_CONTEXT, "copy_context", "gF") X(DO_NEW_CONTEXT, "new_context", "g") X(DO_RUN, "run", "Gk")               \
    X(DO_CONTEXT_OF, "context_of", "tg") X(DO_LOOKUP, "lookup", "Gr") X(DO_LENGTH, "length", "G")                      \
    X(DO_PARTIES, "parties", "B") X(DO_MAXSIZE, "maxsize", "q") X(DO_PARTS, "parts", "j") X(DO_STATE, "state", "b")
#define VERB_ENUM(name, text, operands) name,
#define VERB_ROW(name, text, operands) {text, operands},
enum verb { VERBS(VERB_ENUM) VERB_COUNT };
static const struct {
    const char *text, *operands;
} verbs[] = {VERBS(VERB_ROW)};

struct statement {
    struct statement *next;
    const char *text;
    enum verb verb;
    bool awaits;                    /* it or what it holds */
    struct name *object, *callback; /* object: also what is written to */
    struct slot x, context;
    struct value value;
    struct when when; /* also V|none */
    const char *word;
    int err;
    int eager;
    struct name *group;
    bool limited;           /* `timeout V`, or a default: the V in `value` */
    bool is_gather;         /* of make */
    bool return_exceptions; /* of gather_all and make */
    bool yes;               /* immediate, eager */
    int wait_mode;
    struct awaitable *words;
    int count;
    struct condition condition;
    struct statement *body, *other; /* other: of else or finally */
    bool has_finally;
    struct clause *clauses;
};

/* ---- The text ---- */

#define BLANKS " \t\r\f\v"

struct line {
    int number, count;
    char **words;
};

struct parser {
    const char *file, *program;
    struct line *lines;
    int count, at, line; /* line: the number of the last one */
    struct name *names, **last_name;
    bool in_callback;
    int in_except, in_loop, depth;
};

/* Ends the process with status 2. */
__attribute__((noreturn)) static void parse_error(const struct parser *parser, const char *format, ...)
{
    va_list arguments;
    int line = parser->at > 0 ? parser->lines[parser->at - 1].number : parser->line;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", parser->file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static char *join(char **words, int count)
{
    size_t size = 1;
    char *text, *at;
    int i;
    for (i = 0; i < count; i++)
        size += strlen(words[i]) + 1;
    text = at = (char *)make_room(size);
    for (i = 0; i < count; i++)
        at += sprintf(at, i > 0 ? " %s" : "%s", words[i]);
    return text;
}

/* ---- Operands ---- */

static struct name *find_name(const struct parser *parser, const char *text)
{
    struct name *name;
    for (name = parser->names; name != NULL; name = name->next)
        if (strcmp(name->text, text) == 0)
            return name;
    return NULL;
}

static struct name *parse_name(const struct parser *parser, const char *text, unsigned kinds)
{
    struct name *name = find_name(parser, text);
    if (name == NULL || !(BIT(name->kind) & kinds))
        parse_error(parser, "%s does not belong here", text);
    return name;
}

/* An optional sign and digits, of 32 bits. */
static bool parse_literal(const struct parser *parser, const char *text, int *number)
{
    const char *digits = text + (*text == '-');
    long long value;
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    value = strlen(digits) > 10 ? INT64_MAX : atoll(text);
    if (value > INT32_MAX || value < -INT32_MAX)
        parse_error(parser, "%s has more than 32 bits", text);
    *number = (int)value;
    return true;
}

static struct value parse_value(const struct parser *parser, const char *text)
{
    struct value value = {LITERAL, 0, NULL};
    if (parse_literal(parser, text, &value.literal))
        return value;
    if (strcmp(text, "arg") == 0) {
        value.how = ARGUMENT;
    } else if (strcmp(text, "_") == 0) {
        value.how = LAST;
    } else {
        value.how = OF_NUMBER;
        value.number = parse_name(parser, text, BIT(NUMBER));
    }
    return value;
}

static struct when parse_when(const struct parser *parser, const char *text)
{
    struct when when;
    memset(&when, 0, sizeof when);
    when.from_now = *text == '+';
    when.value = parse_value(parser, text + when.from_now);
    return when;
}

static struct when parse_when_or_none(const struct parser *parser, const char *text)
{
    struct when when;
    if (strcmp(text, "none") != 0)
        return parse_when(parser, text);
    memset(&when, 0, sizeof when);
    when.none = true;
    return when;
}

static struct slot parse_slot(const struct parser *parser, const char *text, unsigned kinds)
{
    struct slot slot = {NAMED, NULL};
    if ((kinds & BIT(TASK)) && strcmp(text, "self") == 0)
        slot.how = SELF;
    else if ((kinds & BIT(FUTURE)) && strcmp(text, "item") == 0)
        slot.how = ITEM;
    else
        slot.name = parse_name(parser, text, kinds);
    return slot;
}

static int parse_class(const struct parser *parser, const char *text)
{
    static const int codes[] = {ASYNCIO_ECANCELLED,  ASYNCIO_ETIMEOUT,      ASYNCIO_ERUNTIME,
                                ASYNCIO_EVALUE,      ASYNCIO_EINVALIDSTATE, ASYNCIO_EQUEUEEMPTY,
                                ASYNCIO_EQUEUEFULL,  ASYNCIO_EQUEUESHUTDOWN, ASYNCIO_EBROKENBARRIER};
    size_t i;
    if (text[0] == 'E' && text[1] >= '1' && text[1] <= '9' && text[2] == '\0')
        return ASYNCIO_EUSER + (text[1] - '0');
    for (i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(text, asyncio_errname(codes[i])) == 0)
            return codes[i];
    parse_error(parser, "%s is no error", text);
    return 0;
}

/* Of an except clause, or of `has`. */
static void check_catchable(const struct parser *parser, const char *text)
{
    if (strcmp(text, "ExceptionGroup") != 0 && strcmp(text, "Exception") != 0 && strcmp(text, "BaseException") != 0)
        (void)parse_class(parser, text);
}

/* Cuts the next part off a word like put:queue:3; NULL at its end. */
static char *next_part(char **rest)
{
    char *part = *rest;
    char *colon = part != NULL ? strchr(part, ':') : NULL;
    *rest = colon != NULL ? colon + 1 : NULL;
    if (colon != NULL)
        *colon = '\0';
    return part;
}

static char *needed_part(const struct parser *parser, char **rest)
{
    char *part = next_part(rest);
    if (part == NULL)
        parse_error(parser, "a part is missing");
    return part;
}

/* X, FN or FN:V */
static void parse_member(const struct parser *parser, struct awaitable *what, char *first, char **rest)
{
    struct name *name = find_name(parser, first);
    what->gives_number = true;
    if (name != NULL && name->kind == FUNCTION) {
        what->kind = AWAIT_CALL;
        what->object = name;
        if (*rest != NULL)
            what->value = parse_value(parser, next_part(rest));
    } else {
        what->kind = AWAIT_X;
        what->x = parse_slot(parser, first, BIT(TASK) | BIT(FUTURE));
    }
}

static void parse_primitive(const struct parser *parser, struct awaitable *what, const char *first, char **rest)
{
    static const struct {
        const char *text;
        enum awaitable_kind kind;
        unsigned objects;
    } all[] = {{"acquire", AWAIT_ACQUIRE, LOCKS},
               {"wait", AWAIT_WAIT, BIT(EVENT) | BIT(CONDITION) | BIT(BARRIER)},
               {"waitfor", AWAIT_WAIT_FOR, BIT(CONDITION)},
               {"get", AWAIT_GET, QUEUES},
               {"put", AWAIT_PUT, QUEUES},
               {"join", AWAIT_JOIN, QUEUES},
               {"reset", AWAIT_RESET, BIT(BARRIER)},
               {"abort", AWAIT_ABORT, BIT(BARRIER)}};
    size_t i = 0;
    if (strcmp(first, "sleep") == 0) {
        what->kind = AWAIT_SLEEP;
        what->value = parse_value(parser, needed_part(parser, rest));
        what->gives_number = *rest != NULL;
        if (*rest != NULL)
            what->result = parse_value(parser, next_part(rest));
        return;
    }
    while (i < sizeof all / sizeof all[0] && strcmp(first, all[i].text) != 0)
        i++;
    if (i == sizeof all / sizeof all[0])
        parse_error(parser, "nothing to await: %s", first);
    what->kind = all[i].kind;
    what->object = parse_name(parser, needed_part(parser, rest), all[i].objects);
    what->gives_number = what->kind == AWAIT_GET || (what->kind == AWAIT_WAIT && what->object->kind == BARRIER);
    if (what->kind == AWAIT_WAIT_FOR)
        what->number = parse_name(parser, needed_part(parser, rest), BIT(NUMBER));
    if (what->kind == AWAIT_WAIT_FOR || what->kind == AWAIT_PUT)
        what->value = parse_value(parser, needed_part(parser, rest));
}

static void parse_awaitable(const struct parser *parser, struct awaitable *what, char *word, bool member)
{
    char *rest = join(&word, 1); /* a copy to be cut up */
    char *first = next_part(&rest);
    struct name *name = find_name(parser, first);
    if (member || rest == NULL || (name != NULL && name->kind == FUNCTION)) {
        parse_member(parser, what, first, &rest);
    } else if (strcmp(first, "shield") == 0) {
        what->shielded = true;
        first = next_part(&rest);
        parse_member(parser, what, first, &rest);
    } else {
        parse_primitive(parser, what, first, &rest);
    }
    if (rest != NULL)
        parse_error(parser, "too many parts: %s", word);
}

static void parse_members(const struct parser *parser, struct statement *statement, char **words, int count)
{
    int i;
    if (count > MEMBERS)
        parse_error(parser, "at most %d words", MEMBERS);
    statement->words = (struct awaitable *)make_room((size_t)(count + 1) * sizeof *statement->words);
    statement->count = count;
    for (i = 0; i < count; i++)
        parse_awaitable(parser, &statement->words[i], words[i], true);
}

/* The words of a statement that are still to be read. */
struct words {
    char **at;
    int left;
};

static char *next_word(const struct parser *parser, struct words *words)
{
    if (words->left == 0)
        parse_error(parser, "a word is missing");
    words->left--;
    return *words->at++;
}

/* The next word if it is this, or starts with it and that ends in `=`: then what follows. */
static char *option(struct words *words, const char *key)
{
    size_t size = strlen(key);
    if (words->left == 0 || strncmp(*words->at, key, size) != 0 || (key[size - 1] != '=' && (*words->at)[size] != '\0'))
        return NULL;
    words->left--;
    return *words->at++ + size;
}

static void parse_spawn(const struct parser *parser, struct statement *statement, struct words *words)
{
    const char *word = next_word(parser, words);
    if (strcmp(word, "-") != 0)
        statement->object = parse_name(parser, word, BIT(TASK));
    word = next_word(parser, words);
    parse_members(parser, statement, words->at - 1, 1);
    if (statement->words[0].kind != AWAIT_CALL)
        parse_error(parser, "%s is no coroutine function", word);
    statement->word = option(words, "name=");
    if ((word = option(words, "eager=")) != NULL) {
        if (strcmp(word, "yes") != 0 && strcmp(word, "no") != 0)
            parse_error(parser, "eager=yes or eager=no");
        statement->eager = *word == 'y' ? 1 : -1;
    }
    if ((word = option(words, "group=")) != NULL)
        statement->group = parse_name(parser, word, BIT(GROUP));
    if ((word = option(words, "context=")) != NULL)
        statement->context = parse_slot(parser, word, BIT(CONTEXT));
}

static void parse_make(const struct parser *parser, struct statement *statement, struct words *words)
{
    statement->object = parse_name(parser, next_word(parser, words), BIT(FUTURE));
    if (words->left == 0)
        return;
    if (option(words, "gather_all") != NULL)
        statement->return_exceptions = true;
    else if (option(words, "gather") == NULL)
        parse_error(parser, "gather or gather_all");
    statement->is_gather = true;
    parse_members(parser, statement, words->at, words->left);
    words->left = 0;
}

static void parse_condition(const struct parser *parser, struct condition *condition, struct words *words)
{
    static const struct {
        const char *text;
        unsigned kinds;
    } tests[] = {{"done", BIT(TASK) | BIT(FUTURE)}, {"cancelled", BIT(TASK) | BIT(FUTURE) | BIT(HANDLE)},
                 {"locked", LOCKS},                 {"is_set", BIT(EVENT)},
                 {"empty", QUEUES},                 {"full", QUEUES},
                 {"broken", BIT(BARRIER)},          {"expired", BIT(TIMEOUT)}};
    size_t i;
    const char *first;
    while (option(words, "not") != NULL)
        condition->negated = !condition->negated;
    first = next_word(parser, words);
    if (strcmp(first, "has") == 0) {
        condition->test = HAS;
        condition->x = parse_slot(parser, next_word(parser, words), BIT(GROUP));
        condition->class_name = next_word(parser, words);
        check_catchable(parser, condition->class_name);
        return;
    }
    if (words->left == 2) {
        condition->left = parse_value(parser, first);
        first = next_word(parser, words);
        condition->test = strcmp(first, "==") == 0 ? IS_EQUAL : IS_LESS;
        if (condition->test == IS_LESS && strcmp(first, "<") != 0)
            parse_error(parser, "== or <");
        condition->right = parse_value(parser, next_word(parser, words));
        return;
    }
    for (i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (strcmp(first, tests[i].text) == 0) {
            condition->test = (unsigned)i + IS_DONE;
            condition->x = parse_slot(parser, next_word(parser, words), tests[i].kinds);
            return;
        }
    parse_error(parser, "no condition: %s", first);
}

static void parse_with(const struct parser *parser, struct statement *statement, struct words *words)
{
    statement->object = parse_name(parser, next_word(parser, words), LOCKS | BIT(BARRIER) | BIT(GROUP) | BIT(TIMEOUT) |
                                                                             BIT(VAR));
    if (statement->object->kind == VAR)
        statement->value = parse_value(parser, next_word(parser, words));
    if (statement->object->kind != TIMEOUT)
        return;
    if (option(words, "at") != NULL) {
        statement->when = parse_when(parser, next_word(parser, words));
        statement->yes = true;
    } else {
        statement->when = parse_when_or_none(parser, next_word(parser, words));
    }
}

static int parse_wait_mode(const struct parser *parser, const char *text)
{
    if (strcmp(text, "all") == 0)
        return 0;
    if (strcmp(text, "first") == 0)
        return 1;
    if (strcmp(text, "exception") != 0)
        parse_error(parser, "all, first or exception");
    return 2;
}

static void parse_operand(const struct parser *parser, struct statement *statement, char letter, struct words *words)
{
    static const struct {
        char letter;
        unsigned kinds;
    } objects[] = {{'n', BIT(NUMBER)}, {'l', LOCKS},      {'E', BIT(EVENT)}, {'C', BIT(CONDITION)},
                   {'o', BIT(TIMEOUT)}, {'q', QUEUES},    {'r', BIT(VAR)},   {'g', BIT(CONTEXT)},
                   {'B', BIT(BARRIER)}, {'j', BIT(GROUP)}};
    static const struct {
        char letter;
        unsigned kinds;
    } slots[] = {{'x', BIT(TASK) | BIT(FUTURE)},
                 {'t', BIT(TASK)},
                 {'f', BIT(TASK) | BIT(HANDLE)},
                 {'c', BIT(TASK) | BIT(FUTURE) | BIT(HANDLE)},
                 {'s', BIT(TOKEN)},
                 {'h', BIT(HANDLE)},
                 {'b', BIT(TASK) | BIT(FUTURE) | BIT(HANDLE) | LOCKS | QUEUES | BIT(EVENT) | BIT(BARRIER) |
                           BIT(TIMEOUT) | BIT(NUMBER)}};
    char *word;
    size_t i;
    for (i = 0; i < sizeof objects / sizeof objects[0]; i++)
        if (letter == objects[i].letter)
            statement->object = parse_name(parser, next_word(parser, words), objects[i].kinds);
    for (i = 0; i < sizeof slots / sizeof slots[0]; i++)
        if (letter == slots[i].letter)
            statement->x = parse_slot(parser, next_word(parser, words), slots[i].kinds);
    switch (letter) {
    case 'V': /* [V] */
        if (words->left == 0)
            break;
        statement->value = parse_value(parser, next_word(parser, words));
        break;
    case 'U': /* [V], its absence noted */
        if (words->left == 0)
            break;
        statement->limited = true;
        statement->value = parse_value(parser, next_word(parser, words));
        break;
    case 'v':
        statement->value = parse_value(parser, next_word(parser, words));
        break;
    case 'd': /* WHEN */
        statement->when = parse_when(parser, next_word(parser, words));
        break;
    case 'D': /* WHEN|none */
    case 'L': /* V|none */
        statement->when = parse_when_or_none(parser, next_word(parser, words));
        break;
    case 'e': /* CLASS */
        statement->err = parse_class(parser, next_word(parser, words));
        break;
    case 'm': /* [MESSAGE] */
        if (words->left > 0)
            statement->word = next_word(parser, words);
        break;
    case 'Z': /* [CLASS] */
        if (words->left > 0)
            statement->err = parse_class(parser, next_word(parser, words));
        break;
    case 'w':
        statement->word = next_word(parser, words);
        break;
    case 'z': /* eager|lazy */
        word = next_word(parser, words);
        statement->yes = strcmp(word, "eager") == 0;
        if (!statement->yes && strcmp(word, "lazy") != 0)
            parse_error(parser, "eager or lazy");
        break;
    case 'i': /* [immediate] */
        statement->yes = option(words, "immediate") != NULL;
        break;
    case 'k':
        statement->callback = parse_name(parser, next_word(parser, words), BIT(CALLBACK));
        break;
    case 'K': /* [context=C] */
        if ((word = option(words, "context=")) != NULL)
            statement->context = parse_slot(parser, word, BIT(CONTEXT));
        break;
    case 'F': /* [C] */
        if (words->left > 0)
            statement->context = parse_slot(parser, next_word(parser, words), BIT(CONTEXT));
        break;
    case 'G':
        statement->context = parse_slot(parser, next_word(parser, words), BIT(CONTEXT));
        break;
    case 'H': /* H|- */
        word = next_word(parser, words);
        if (strcmp(word, "-") != 0)
            statement->object = parse_name(parser, word, BIT(HANDLE));
        break;
    case 'S': /* [TOKEN] */
        if (words->left > 0)
            statement->group = parse_name(parser, next_word(parser, words), BIT(TOKEN));
        break;
    case 'y': /* all|first|exception */
        statement->wait_mode = parse_wait_mode(parser, next_word(parser, words));
        break;
    case 'T': /* [timeout V] */
        statement->limited = option(words, "timeout") != NULL;
        if (statement->limited)
            statement->value = parse_value(parser, next_word(parser, words));
        break;
    case 'a': /* AW */
        statement->words = (struct awaitable *)make_room(sizeof *statement->words);
        statement->count = 1;
        parse_awaitable(parser, statement->words, next_word(parser, words), false);
        break;
    case 'W': /* W... */
        parse_members(parser, statement, words->at, words->left);
        words->left = 0;
        break;
    case 'P':
        parse_spawn(parser, statement, words);
        break;
    case 'M':
        parse_make(parser, statement, words);
        break;
    case 'u':
        parse_with(parser, statement, words);
        break;
    case '?':
        parse_condition(parser, &statement->condition, words);
        break;
    case '*':
        words->left = 0;
        break;
    default:
        break;
    }
}

/* ---- Statements and blocks ---- */

static struct line *parse_block(struct parser *parser, struct statement **first);

static bool any_awaits(const struct statement *statement)
{
    for (; statement != NULL; statement = statement->next)
        if (statement->awaits)
            return true;
    return false;
}

static void parse_try(struct parser *parser, struct statement *statement)
{
    struct clause **last = &statement->clauses;
    struct line *line = parse_block(parser, &statement->body);
    if (strcmp(line->words[0], "end") == 0)
        parse_error(parser, "except or finally");
    while (strcmp(line->words[0], "except") == 0) {
        struct clause *clause = *last = (struct clause *)make_room(sizeof *clause);
        int i;
        if (line->count < 2)
            parse_error(parser, "except CLASS...");
        for (i = 1; i < line->count; i++)
            check_catchable(parser, line->words[i]);
        clause->text = join(line->words, line->count);
        clause->classes = line->words + 1;
        clause->count = line->count - 1;
        last = &clause->next;
        parser->in_except++;
        line = parse_block(parser, &clause->body);
        parser->in_except--;
    }
    if (strcmp(line->words[0], "finally") == 0) {
        statement->has_finally = true;
        line = parse_block(parser, &statement->other);
    }
    if (strcmp(line->words[0], "end") != 0)
        parse_error(parser, "%s after finally", line->words[0]);
}

static void parse_body(struct parser *parser, struct statement *statement)
{
    struct line *line;
    bool loop = statement->verb == DO_REPEAT || statement->verb == DO_AS_COMPLETED;
    if (parser->depth == DEEPEST)
        parse_error(parser, "more than %d blocks in each other", DEEPEST);
    parser->depth++;
    if (statement->verb == DO_TRY) {
        parse_try(parser, statement);
        parser->depth--;
        return;
    }
    parser->in_loop += loop;
    line = parse_block(parser, &statement->body);
    parser->in_loop -= loop;
    if (statement->verb == DO_IF && strcmp(line->words[0], "else") == 0)
        line = parse_block(parser, &statement->other);
    if (strcmp(line->words[0], "end") != 0)
        parse_error(parser, "%s does not belong here", line->words[0]);
    parser->depth--;
}

/* What is wrong with it though every word is in its place. */
static void check_statement(const struct parser *parser, const struct statement *statement)
{
    int i;
    if (statement->verb == DO_RERAISE && parser->in_except == 0)
        parse_error(parser, "no except around it");
    if ((statement->verb == DO_BREAK || statement->verb == DO_CONTINUE) && parser->in_loop == 0)
        parse_error(parser, "no loop around it");
    if (statement->verb == DO_RAISE && statement->word != NULL && statement->err != ASYNCIO_ECANCELLED)
        parse_error(parser, "only CancelledError has a message");
    if (statement->verb == DO_CANCEL && statement->word != NULL && statement->x.how == NAMED &&
        statement->x.name->kind == HANDLE)
        parse_error(parser, "a handle is cancelled without a message");
    for (i = 0; i < statement->count && statement->verb == DO_WAIT; i++)
        if (statement->words[i].kind == AWAIT_CALL)
            parse_error(parser, "wait takes no coroutines");
}

static struct statement *parse_statement(struct parser *parser, const struct line *line)
{
    struct statement *statement = (struct statement *)make_room(sizeof *statement);
    struct words words = {line->words + 1, line->count - 1};
    const char *letter;
    int verb = 0;
    while (verb < VERB_COUNT && strcmp(line->words[0], verbs[verb].text) != 0)
        verb++;
    if (verb == VERB_COUNT)
        parse_error(parser, "no statement: %s", line->words[0]);
    statement->verb = (enum verb)verb;
    statement->text = join(line->words, line->count);
    for (letter = verbs[verb].operands; *letter != '\0'; letter++)
        parse_operand(parser, statement, *letter, &words);
    if (words.left > 0)
        parse_error(parser, "too many words: %s", statement->text);
    check_statement(parser, statement);
    if (parser->in_callback && (verb < DO_REPEAT || statement->verb == DO_RAISE))
        parse_error(parser, "%s in a callback", line->words[0]);
    if (verb >= DO_WITH && verb <= DO_IF)
        parse_body(parser, statement);
    statement->awaits = verb < DO_REPEAT || any_awaits(statement->body) || any_awaits(statement->other);
    return statement;
}

/* Statements up to a line that ends them, which it gives. */
static struct line *parse_block(struct parser *parser, struct statement **first)
{
    static const char *const ends[] = {"end", "else", "except", "finally"};
    while (parser->at < parser->count) {
        struct line *line = &parser->lines[parser->at++];
        int i;
        for (i = 0; i < 4; i++)
            if (strcmp(line->words[0], ends[i]) == 0) {
                if (line->count > 1 && i != 2)
                    parse_error(parser, "too many words: %s %s", line->words[0], line->words[1]);
                return line;
            }
        *first = parse_statement(parser, line);
        first = &(*first)->next;
    }
    parse_error(parser, "end is missing");
    return NULL;
}

/* ---- Declarations ---- */

static bool is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    static const char *const reserved[] = {"self", "item", "arg", "none"};
    int i;
    for (i = 0; i < 4; i++)
        if (strcmp(text, reserved[i]) == 0)
            return false;
    return memchr(letters, *text, 52) != NULL && text[strspn(text, letters)] == '\0';
}

static struct name *declare(struct parser *parser, const char *text, enum kind kind)
{
    struct name *name = (struct name *)make_room(sizeof *name);
    if (!is_name(text))
        parse_error(parser, "%s cannot be a name", text);
    if (find_name(parser, text) != NULL)
        parse_error(parser, "%s: declared twice", text);
    name->text = text;
    name->kind = kind;
    *parser->last_name = name;
    parser->last_name = &name->next;
    return name;
}

static void skip_body(struct parser *parser)
{
    static const char *const begins[] = {"repeat", "if", "try", "with", "as_completed"};
    int depth = 1, i;
    while (depth > 0) {
        const char *word;
        if (parser->at == parser->count)
            parse_error(parser, "end is missing");
        word = parser->lines[parser->at++].words[0];
        for (i = 0; i < 5; i++)
            depth += strcmp(word, begins[i]) == 0;
        depth -= strcmp(word, "end") == 0;
    }
}

/* What follows the name. */
static void parse_initial(const struct parser *parser, struct name *name, const struct line *line)
{
    static const struct {
        enum kind kind;
        int least;
    } leasts[] = {{SEMAPHORE, 0}, {BOUNDED, 0}, {BARRIER, 1}, {QUEUE, 0}, {LIFO, 0}, {PRIORITY, 0}};
    const char *word = line->count > 2 ? line->words[2] : NULL;
    size_t i;
    name->given = word != NULL;
    if (line->count > 3)
        parse_error(parser, "too many words");
    if (word != NULL && !parse_literal(parser, word, &name->number))
        parse_error(parser, "%s is no number", word);
    if (word == NULL && (BIT(name->kind) & (BIT(SEMAPHORE) | BIT(BOUNDED) | BIT(BARRIER))))
        parse_error(parser, "a number is missing");
    for (i = 0; i < sizeof leasts / sizeof leasts[0]; i++)
        if (name->kind == leasts[i].kind && name->number < leasts[i].least)
            parse_error(parser, "%d is too small", name->number);
}

static void parse_declaration(struct parser *parser)
{
    struct line *line = &parser->lines[parser->at++];
    int kind = 0, i;
    struct name *name;
    while (kind < KIND_COUNT && strcmp(line->words[0], kind_texts[kind]) != 0)
        kind++;
    if (kind == KIND_COUNT || line->count < 2)
        parse_error(parser, "no declaration: %s", line->words[0]);
    name = declare(parser, line->words[1], (enum kind)kind);
    if (kind == FUNCTION || kind == CALLBACK) {
        if (line->count > 2)
            parse_error(parser, "too many words");
        name->number = parser->at;
        skip_body(parser);
    } else if (BIT(kind) & MANY) {
        for (i = 2; i < line->count; i++)
            declare(parser, line->words[i], (enum kind)kind);
    } else if (kind != CONDITION) {
        parse_initial(parser, name, line);
    } else if (line->count > 2) {
        if (line->count > 3)
            parse_error(parser, "too many words");
        name->lock = parse_name(parser, line->words[2], BIT(LOCK));
    }
}

/* The names of the program, with their functions' statements. */
static struct name *parse_program(struct parser *parser)
{
    struct name *name;
    parser->names = NULL;
    parser->last_name = &parser->names;
    while (parser->at < parser->count)
        parse_declaration(parser);
    for (name = parser->names; name != NULL; name = name->next) {
        struct line *end;
        if (name->kind != FUNCTION && name->kind != CALLBACK)
            continue;
        parser->at = name->number;
        parser->in_callback = name->kind == CALLBACK;
        end = parse_block(parser, &name->body);
        if (strcmp(end->words[0], "end") != 0)
            parse_error(parser, "%s does not belong here", end->words[0]);
    }
    (void)parse_name(parser, "main", BIT(FUNCTION));
    return parser->names;
}

/* ---- Files ---- */

static char *read_all(FILE *file, const char *path)
{
    size_t size = 0, room = 1 << 16;
    char *text = (char *)malloc(room);
    while (text != NULL) {
        size_t got = fread(text + size, 1, room - size - 1, file);
        size += got;
        if (got == 0)
            break;
        if (room - size < 2)
            text = (char *)realloc(text, room *= 2);
    }
    if (text == NULL)
        abort();
    text[size] = '\0';
    if (strlen(text) != size) {
        fprintf(stderr, "%s: no text\n", path);
        exit(2);
    }
    return text;
}

/* Splits the line at *text in place; *text moves to the next one. */
static void split_line(char **text, struct line *line)
{
    char *at = *text, *end = at + strcspn(at, "\n");
    int room = 0;
    *text = *end != '\0' ? end + 1 : end;
    *end = '\0';
    at[strcspn(at, "#")] = '\0';
    line->count = 0;
    for (at = strtok(at, BLANKS); at != NULL; at = strtok(NULL, BLANKS)) {
        if (line->count == room) {
            char **more = (char **)make_room((size_t)(room = room * 2 + 8) * sizeof *more);
            if (line->count > 0)
                memcpy(more, line->words, (size_t)line->count * sizeof *more);
            line->words = more;
        }
        line->words[line->count++] = at;
    }
}

static void add_line(struct parser *parser, const struct line *line, int *room)
{
    if (parser->count == *room) {
        struct line *more = (struct line *)make_room((size_t)(*room = *room * 2 + 64) * sizeof *more);
        if (parser->count > 0)
            memcpy(more, parser->lines, (size_t)parser->count * sizeof *more);
        parser->lines = more;
    }
    parser->lines[parser->count++] = *line;
}

/* Reads the text of one program, which it cuts up; `number`: of the line before it. */
static void read_program(struct parser *parser, const char *file, char *text, int number)
{
    int room = 0;
    memset(parser, 0, sizeof *parser);
    parser->file = file;
    while (*text != '\0') {
        struct line line;
        memset(&line, 0, sizeof line);
        line.number = ++number;
        split_line(&text, &line);
        if (line.count == 0)
            continue;
        parser->line = line.number;
        if (parser->program != NULL) {
            add_line(parser, &line, &room);
            continue;
        }
        if (strcmp(line.words[0], "program") != 0 || line.count != 2)
            parse_error(parser, "program NAME");
        parser->program = line.words[1];
    }
}

#endif
