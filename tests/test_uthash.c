/* uthash.h is the program's as much as the library's: asyncio.h leaves the program's settings and tables alone. */
#include <stdlib.h>

static int hashed, allocated, freed;
static void *count_malloc(size_t size)
{
    allocated++;
    return malloc(size);
}
static void count_free(void *memory)
{
    freed++;
    free(memory);
}
#define HASH_FUNCTION(keyptr, keylen, hashv)                                                                           \
    do {                                                                                                               \
        hashed++;                                                                                                      \
        HASH_OAT(keyptr, keylen, hashv);                                                                               \
    } while (0)
#define uthash_malloc(size) count_malloc(size)
#define uthash_free(memory, size) count_free(memory)
#ifdef TEST_UTHASH_FIRST
#include <uthash.h>
#endif
#include "asyncio.h"
#include "tap.h"
#include <uthash.h>

struct word {
    char *text;
    UT_hash_handle hh;
};

static void nothing(void *arg) { (void)arg; }

TEST(test_the_library_does_not_use_the_programs_settings)
{
    asyncio_loop loop;
    int pair[2];
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(asyncio_loop_init(&loop, NULL), 0);
    CHECK_EQ(asyncio_add_reader(&loop, pair[0], nothing, NULL), 0);
    CHECK(asyncio_remove_reader(&loop, pair[0]));
    CHECK_EQ(asyncio_loop_close(&loop), 0);
    close(pair[0]);
    close(pair[1]);
    CHECK_EQ(hashed, 0);
    CHECK_EQ(allocated, 0);
    CHECK_EQ(freed, 0);
}

/* Two bytes of heap: a hash that reads four of them is an error that a sanitizer sees. */
TEST(test_a_table_of_the_programs_with_short_strings)
{
    struct word *words = NULL, word, *found;
    word.text = (char *)malloc(2);
    memcpy(word.text, "x", 2);
    HASH_ADD_KEYPTR(hh, words, word.text, 1, &word);
    HASH_FIND(hh, words, "x", 1, found);
    CHECK(found == &word);
    CHECK_EQ(hashed, 2);
    CHECK_EQ(allocated, 2);
    HASH_DEL(words, &word);
    CHECK_EQ(freed, 2);
    free(word.text);
}

int main(void)
{
    RUN(test_the_library_does_not_use_the_programs_settings);
    RUN(test_a_table_of_the_programs_with_short_strings);
    return tap_end();
}
