/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine check has destroyed.
 */
#ifndef X86_MCE_H
#define X86_MCE_H

enum mce_damage {
    MCE_HARMLESS, /* nothing, or nothing yet: go on */
    MCE_LOST,     /* what the interrupted code used; all others may go on */
    MCE_FATAL     /* nobody can say */
};

/* Read this CPU's banks and clear them, unless the answer is MCE_FATAL. In the
 * handler of #MC. */
enum mce_damage mce_look(void);

#endif
