/**
 * What makes Mesa's software driver compile sooner; it then computes more slowly. Without its optimisation passes it
 * compiles in half the time. With vectors of four lanes a whole network compiles in a quarter of that, but the forms for
 * subgroups of eight are then left out: each op's own tests run those.
 */
const unoptimised = { GALLIVM_PERF: 'nopt' };
const fourLanes = { ...unoptimised, LP_NATIVE_VECTOR_WIDTH: '128' };

export const opCompiling: Record<string, string> = process.env.VOLSAM_OPTIMISED ? {} : unoptimised;
export const networkCompiling: Record<string, string> = process.env.VOLSAM_QUICK ? fourLanes : opCompiling;
