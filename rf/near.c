/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the number of edits (insert, delete, replace, swap of two
 * neighbours) between what was typed and a word we know.
 */
#include <string.h>

#include "rf/rf.h"

#define WORD_MAX 40u

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    const unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

unsigned near_distance(const char *a, const char *b)
{
    const size_t rows = strlen(a);
    const size_t columns = strlen(b);
    unsigned cost[WORD_MAX + 1][WORD_MAX + 1];

    if (rows > WORD_MAX || columns > WORD_MAX) {
        return U32_MAX;
    }
    for (unsigned i = 0; i <= rows; i++) {
        cost[i][0] = i;
    }
    for (unsigned j = 0; j <= columns; j++) {
        cost[0][j] = j;
    }
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            const unsigned change = a[i - 1] == b[j - 1] ? 0 : 1;
            unsigned best = min3(cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                                 cost[i - 1][j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && cost[i - 2][j - 2] + 1 < best) {
                best = cost[i - 2][j - 2] + 1;
            }
            cost[i][j] = best;
        }
    }
    return cost[rows][columns];
}

void near_offer(const char *typed, const char *word, const char **best,
                unsigned *distance)
{
    const unsigned d = near_distance(typed, word);

    /* For a word of one or two letters, everything is near. */
    if (d <= NEAR_MAX && d < strlen(typed) &&
        (*best == NULL || d < *distance)) {
        *best = word;
        *distance = d;
    }
}
