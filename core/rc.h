/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results. Values are the negated error numbers of the ABI [XEN errno.h], so
 * that a result can be handed to the guest as it is.
 */
#ifndef CORE_RC_H
#define CORE_RC_H

enum rc {
    RC_OK = 0,
    RC_EPERM = -1,
    RC_ENOENT = -2,
    RC_ESRCH = -3,
    RC_EIO = -5, /* of the recount: a fault */
    RC_E2BIG = -7,
    RC_EAGAIN = -11,
    RC_ENOMEM = -12,
    RC_EFAULT = -14,
    RC_EBUSY = -16,
    RC_EEXIST = -17,
    RC_EINVAL = -22,
    RC_ENOSPC = -28,
    RC_ENOSYS = -38,
    /* Internal, never shown to a guest: the work is unfinished, the call is
     * to be made again with the arguments it holds now. */
    RC_PREEMPT = -1000,
};

#endif
