/** Why a test was skipped that a deadline came before: `deadline.ts` says it, and the summary looks for it. */
export const noTime = 'there was no time for it';
