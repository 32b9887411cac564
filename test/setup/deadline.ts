/** Where a run has only so much time (VOLSAM_DEADLINE, seconds since 1970), no test begins after it; the summary names them. */
import { beforeEach } from 'vitest';
import { noTime } from './no-time.ts';

const deadline = Number(process.env.VOLSAM_DEADLINE ?? Infinity);

beforeEach((context) => {
  context.skip(Date.now() / 1e3 > deadline, noTime);
});
