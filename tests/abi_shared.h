/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of tests/abi_test.c: memory that the hypervisor and a guest
 * share, the first state of a vCPU, and plain numbers.
 */
#ifndef TESTS_ABI_SHARED_H
#define TESTS_ABI_SHARED_H

/* ---- shared memory ------------------------------------------------------- */

SIZE(struct vcpu_time_info, struct abi_vcpu_time_info);
#define TIME_FIELD(f)                                                          \
    FIELD(struct vcpu_time_info, f, struct abi_vcpu_time_info, f)
TIME_FIELD(version);
TIME_FIELD(tsc_timestamp);
TIME_FIELD(system_time);
TIME_FIELD(tsc_to_system_mul);
TIME_FIELD(tsc_shift);
TIME_FIELD(flags);

SIZE(struct vcpu_info, struct abi_vcpu_info);
#define INFO_FIELD(f, g) FIELD(struct vcpu_info, f, struct abi_vcpu_info, g)
INFO_FIELD(upcall_pending, evtchn_upcall_pending);
INFO_FIELD(upcall_mask, evtchn_upcall_mask);
INFO_FIELD(pending_sel, evtchn_pending_sel);
INFO_FIELD(cr2, arch.cr2);
INFO_FIELD(time, time);

SIZE(struct shared_info, struct abi_shared_info);
#define SHARED_FIELD(f, g)                                                     \
    FIELD(struct shared_info, f, struct abi_shared_info, g)
SHARED_FIELD(vcpu_info, abi_vcpu_info); /* renamed with the structure */
SHARED_FIELD(evtchn_pending, evtchn_pending);
SHARED_FIELD(evtchn_mask, evtchn_mask);
SHARED_FIELD(wc_version, wc_version);
SHARED_FIELD(wc_sec, wc_sec);
SHARED_FIELD(wc_nsec, wc_nsec);
SHARED_FIELD(wc_sec_hi, wc_sec_hi);
SHARED_FIELD(max_pfn, arch.max_pfn);
SHARED_FIELD(pfn_to_mfn_frame_list_list, arch.pfn_to_mfn_frame_list_list);
SHARED_FIELD(nmi_reason, arch.nmi_reason);
SHARED_FIELD(p2m_cr3, arch.p2m_cr3);
SHARED_FIELD(p2m_vaddr, arch.p2m_vaddr);
SHARED_FIELD(p2m_generation, arch.p2m_generation);
SAME(LEGACY_VCPU_MAX, XEN_LEGACY_MAX_VCPUS);
SAME(PORT_WORDS * 64u, EVTCHN_2L_NR_CHANNELS);

SIZE(struct start_info, struct abi_start_info);
#define START_FIELD(f, g) FIELD(struct start_info, f, struct abi_start_info, g)
START_FIELD(magic, magic);
START_FIELD(nr_pages, nr_pages);
START_FIELD(shared_info, abi_shared_info); /* renamed with the structure */
START_FIELD(flags, flags);
START_FIELD(store_mfn, store_mfn);
START_FIELD(store_evtchn, store_evtchn);
START_FIELD(console_mfn, console.domU.mfn);
START_FIELD(console_evtchn, console.domU.evtchn);
START_FIELD(pt_base, pt_base);
START_FIELD(nr_pt_frames, nr_pt_frames);
START_FIELD(mfn_list, mfn_list);
START_FIELD(mod_start, mod_start);
START_FIELD(mod_len, mod_len);
START_FIELD(cmd_line, cmd_line);
START_FIELD(first_p2m_pfn, first_p2m_pfn);
START_FIELD(nr_p2m_frames, nr_p2m_frames);
SAME(XEN_CMDLINE_BYTES, MAX_GUEST_CMDLINE);
SAME(SIF_MOD_START_PFN, ABI_SIF_MOD_START_PFN);

SIZE(struct vcpu_runstate_info, struct abi_vcpu_runstate_info);
#define RUNSTATE_FIELD(f)                                                      \
    FIELD(struct vcpu_runstate_info, f, struct abi_vcpu_runstate_info, f)
RUNSTATE_FIELD(state);
RUNSTATE_FIELD(state_entry_time);
RUNSTATE_FIELD(time);
SAME(SCHED_RUNNING, RUNSTATE_running);
SAME(SCHED_RUNNABLE, RUNSTATE_runnable);
SAME(SCHED_BLOCKED, RUNSTATE_blocked);
SAME(SCHED_OFFLINE, RUNSTATE_offline);

SIZE(struct trap_info, struct abi_trap_info);
#define TRAP_FIELD(f) FIELD(struct trap_info, f, struct abi_trap_info, f)
TRAP_FIELD(vector);
TRAP_FIELD(flags);
TRAP_FIELD(cs);
TRAP_FIELD(address);

/* An entry is a word: core/gnttab.c. */
SIZE(u64, grant_entry_v1_t);
SAME(offsetof(grant_entry_v1_t, flags), 0);
SAME(offsetof(grant_entry_v1_t, domid), 2);
SAME(offsetof(grant_entry_v1_t, frame), 4);

SIZE(struct multicall_entry, struct abi_multicall_entry);
#define MULTICALL_FIELD(f)                                                     \
    FIELD(struct multicall_entry, f, struct abi_multicall_entry, f)
MULTICALL_FIELD(op);
MULTICALL_FIELD(result);
MULTICALL_FIELD(args);

#define CONSOLE_FIELD(f)                                                       \
    FIELD(struct console_ring, f, struct xencons_interface, f)
CONSOLE_FIELD(in);
CONSOLE_FIELD(out);
CONSOLE_FIELD(in_cons);
CONSOLE_FIELD(in_prod);
CONSOLE_FIELD(out_cons);
CONSOLE_FIELD(out_prod);

SIZE(struct store_ring, struct xenstore_domain_interface);
#define STORE_FIELD_SAME(f)                                                    \
    FIELD(struct store_ring, f, struct xenstore_domain_interface, f)
STORE_FIELD_SAME(req);
STORE_FIELD_SAME(rsp);
STORE_FIELD_SAME(req_cons);
STORE_FIELD_SAME(req_prod);
STORE_FIELD_SAME(rsp_cons);
STORE_FIELD_SAME(rsp_prod);
STORE_FIELD_SAME(server_features);
STORE_FIELD_SAME(connection);
STORE_FIELD_SAME(error);

/* ---- the first state of a vCPU ------------------------------------------- */

SAME(CONTEXT_FPU, offsetof(vcpu_guest_context_t, fpu_ctxt));
SAME(CONTEXT_REGS, offsetof(vcpu_guest_context_t, flags));
SAME(CONTEXT_TRAPS, offsetof(vcpu_guest_context_t, trap_ctxt));
SAME(CONTEXT_TABLES, offsetof(vcpu_guest_context_t, ldt_base));
SAME(CONTEXT_BYTES, sizeof(vcpu_guest_context_t));
#define CONTEXT_FIELD(part, start, f, g)                                       \
    SAME((start) + offsetof(struct part, f),                                   \
         offsetof(vcpu_guest_context_t, g));                                   \
    SAME(sizeof(((struct part *)0)->f), sizeof(((vcpu_guest_context_t *)0)->g))
#define REG_FIELD(f, g)                                                        \
    SAME(CONTEXT_REGS + offsetof(struct context_regs, f),                      \
         offsetof(vcpu_guest_context_t, user_regs.g))
CONTEXT_FIELD(context_regs, CONTEXT_REGS, flags, flags);
REG_FIELD(r15, r15);
REG_FIELD(r14, r14);
REG_FIELD(r13, r13);
REG_FIELD(r12, r12);
REG_FIELD(rbp, rbp);
REG_FIELD(rbx, rbx);
REG_FIELD(r11, r11);
REG_FIELD(r10, r10);
REG_FIELD(r9, r9);
REG_FIELD(r8, r8);
REG_FIELD(rax, rax);
REG_FIELD(rcx, rcx);
REG_FIELD(rdx, rdx);
REG_FIELD(rsi, rsi);
REG_FIELD(rdi, rdi);
REG_FIELD(error_and_vector, error_code);
REG_FIELD(rip, rip);
REG_FIELD(cs, cs);
REG_FIELD(rflags, rflags);
REG_FIELD(rsp, rsp);
REG_FIELD(ss, ss);
REG_FIELD(es, es);
REG_FIELD(ds, ds);
REG_FIELD(fs, fs);
REG_FIELD(gs, gs);
#define TABLE_FIELD(f, g) CONTEXT_FIELD(context_tables, CONTEXT_TABLES, f, g)
TABLE_FIELD(ldt_base, ldt_base);
TABLE_FIELD(ldt_entries, ldt_ents);
TABLE_FIELD(gdt_frames, gdt_frames);
TABLE_FIELD(gdt_entries, gdt_ents);
TABLE_FIELD(kernel_ss, kernel_ss);
TABLE_FIELD(kernel_sp, kernel_sp);
TABLE_FIELD(ctrlreg, ctrlreg);
TABLE_FIELD(debugreg, debugreg);
TABLE_FIELD(event_address, event_callback_eip);
TABLE_FIELD(failsafe_address, failsafe_callback_eip);
TABLE_FIELD(syscall_address, syscall_callback_eip);
TABLE_FIELD(vm_assist, vm_assist);
TABLE_FIELD(fs_base, fs_base);
TABLE_FIELD(gs_base_kernel, gs_base_kernel);
TABLE_FIELD(gs_base_user, gs_base_user);
SAME(CONTEXT_I387_VALID, VGCF_i387_valid);
SAME(CONTEXT_IN_KERNEL, VGCF_in_kernel);
SAME(CONTEXT_FAILSAFE_MASKS, VGCF_failsafe_disables_events);
SAME(CONTEXT_SYSCALL_MASKS, VGCF_syscall_disables_events);

/* ---- numbers ------------------------------------------------------------- */

SAME(RC_EPERM, -XEN_EPERM);
SAME(RC_ENOENT, -XEN_ENOENT);
SAME(RC_ESRCH, -XEN_ESRCH);
SAME(RC_EIO, -XEN_EIO);
SAME(RC_E2BIG, -XEN_E2BIG);
SAME(RC_EAGAIN, -XEN_EAGAIN);
SAME(RC_ENOMEM, -XEN_ENOMEM);
SAME(RC_EFAULT, -XEN_EFAULT);
SAME(RC_EBUSY, -XEN_EBUSY);
SAME(RC_EEXIST, -XEN_EEXIST);
SAME(RC_EINVAL, -XEN_EINVAL);
SAME(RC_ENOSPC, -XEN_ENOSPC);
SAME(RC_ENOSYS, -XEN_ENOSYS);

SAME(DOMID_SELF, ABI_DOMID_SELF);
SAME(VIRQ_CONSOLE, ABI_VIRQ_CONSOLE);
SAME(VIRQ_DOM_EXC, ABI_VIRQ_DOM_EXC);
SAME(VIRQ_RULES, ABI_VIRQ_ARCH_0);
SAME(GRANT_REF_CONSOLE, ABI_RESERVED_CONSOLE);
SAME(GRANT_REF_STORE, ABI_RESERVED_STORE);
_Static_assert(DOMID_MAX < DOMID_FIRST_RESERVED, "real domains only");

SAME(SHUTDOWN_POWEROFF, SHUTDOWN_poweroff);
SAME(SHUTDOWN_REBOOT, SHUTDOWN_reboot);
SAME(SHUTDOWN_SUSPEND, SHUTDOWN_suspend);
SAME(SHUTDOWN_CRASH, SHUTDOWN_crash);

SAME(VIRQ_TIMER, ABI_VIRQ_TIMER);
SAME(VIRQ_DEBUG, ABI_VIRQ_DEBUG);
SAME(VIRQ_COUNT, ABI_VIRQ_COUNT);

SAME(GRANT_OKAY, GNTST_okay);
SAME(GRANT_GENERAL_ERROR, GNTST_general_error);
SAME(GRANT_BAD_DOMAIN, GNTST_bad_domain);
SAME(GRANT_BAD_REF, GNTST_bad_gntref);
SAME(GRANT_BAD_HANDLE, GNTST_bad_handle);
SAME(GRANT_BAD_ADDRESS, GNTST_bad_virt_addr);
SAME(GRANT_BAD_DEVICE_ADDRESS, GNTST_bad_dev_addr);
SAME(GRANT_DENIED, GNTST_permission_denied);
SAME(GRANT_BAD_COPY, GNTST_bad_copy_arg);
SAME(GRANT_NO_SPACE, GNTST_no_space);

SAME(SEL_GUEST_CS32, FLAT_RING3_CS32);
SAME(SEL_GUEST_CS64, FLAT_RING3_CS64);
SAME(SEL_GUEST_DS, FLAT_RING3_DS32);
SAME(SEL_GUEST_DS, FLAT_RING3_SS64);
SAME(GDT_HV_FIRST, FIRST_RESERVED_GDT_ENTRY);
SAME(HV_END, __HYPERVISOR_VIRT_END);
SAME(M2P_BASE, __HYPERVISOR_VIRT_START);

/* The features that core/version.c announces. */
SAME(XENFEAT_mmu_pt_update_preserve_ad, 5);
SAME(XENFEAT_gnttab_map_avail_bits, 7);
SAME(sizeof(xen_extraversion_t), 16);
SAME(sizeof(xen_feature_info_t), 8);

#endif
