/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RDMSR and WRMSR of a guest kernel, by the table in msr.def. What is not in
 * the table does not exist: default deny.
 *
 * The first instruction of a Linux PV kernel writes GS base, before it has any
 * handler; and it reads the user GS base once a context switch, which is why
 * that is kept in memory.
 */
#include "x86/hw.h"
#include "x86/private.h"

enum msr_how {
    HOW_CONSTANT,
    HOW_HOST,
    HOW_FSBASE,
    HOW_GSBASE,
    HOW_GSOTHER,
    HOW_TSCAUX,
    HOW_TSC
};

enum msr_writes { WRITES_NO, WRITES_IGNORE, WRITES_SAME, WRITES_YES };

struct msr_rule {
    u32 number;
    u8 how;
    u8 writes;
    u64 value;
};

static const struct msr_rule rules[] = {
#define M(number, how, value, writes, doc)                                     \
    { number, HOW_##how, WRITES_##writes, value },
#include "x86/msr.def"
#undef M
};

/* From the end, where the bases are. */
static const struct msr_rule *rule_of(u32 msr)
{
    for (u32 i = ARRAY_COUNT(rules); i > 0; i--) {
        if (rules[i - 1].number == msr) {
            return &rules[i - 1];
        }
    }
    return NULL;
}

/* The guest is in kernel mode: its kernel GS base is the live one. */
static inline u64 rule_read(const struct vcpu *v, const struct msr_rule *rule)
{
    if (rule->how == HOW_GSOTHER) {
        return v->gs_base_user; /* at each switch of processes */
    }
    switch (rule->how) {
    case HOW_HOST:
        return hw_rdmsr(rule->number);
    case HOW_FSBASE:
        return hw_rdmsr(MSR_FS_BASE);
    case HOW_GSBASE:
        return hw_rdmsr(MSR_KERNEL_GS_BASE);
    case HOW_TSCAUX:
        return private_state(v)->tsc_aux;
    case HOW_TSC:
        return hw_rdtsc();
    default:
        return rule->value;
    }
}

bool msr_read(struct vcpu *v, u32 msr, u64 *value)
{
    const struct msr_rule *rule = rule_of(msr);
    if (rule == NULL) {
        return false;
    }
    *value = rule_read(v, rule);
    return true;
}

static bool rule_write(struct vcpu *v, const struct msr_rule *rule, u64 value)
{
    if (rule->how == HOW_TSCAUX) {
        if (value > U32_MAX) {
            return false;
        }
        private_state(v)->tsc_aux = (u32)value;
        ctxsw_load_tsc_aux(v);
        return true;
    }
    if (!address_is_canonical(value)) {
        return false;
    }
    switch (rule->how) {
    case HOW_FSBASE:
        v->fs_base = value;
        hw_wrmsr(MSR_FS_BASE, value);
        return true;
    case HOW_GSBASE:
        v->gs_base_kernel = value;
        hw_wrmsr(MSR_KERNEL_GS_BASE, value);
        return true;
    case HOW_GSOTHER:
        v->gs_base_user = value;
        return true;
    default:
        return false;
    }
}

bool msr_write(struct vcpu *v, u32 msr, u64 value)
{
    const struct msr_rule *rule = rule_of(msr);
    if (rule == NULL) {
        return false;
    }
    switch (rule->writes) {
    case WRITES_IGNORE:
        return true;
    case WRITES_SAME:
        return value == rule_read(v, rule);
    case WRITES_YES:
        return rule_write(v, rule, value);
    default:
        return false;
    }
}
