/** Mesa's software driver compiles in half the time without its optimisation passes, and then computes several times slower. */
export const quickCompiling: Record<string, string> = process.env.VOLSAM_OPTIMISED ? {} : { GALLIVM_PERF: 'nopt' };
