/** Compiles the pipelines that it reads on standard input one by one, in a process whose driver tells what it makes of them. */
import { readFileSync, writeSync } from 'node:fs';
import { compileAlone, pipelineMark, type PipelineSource } from '../gpu/driver-readings.ts';
import { openGpu } from '../gpu/open-gpu.ts';

const sources = JSON.parse(readFileSync(0, 'utf8')) as PipelineSource[];
const gpu = await openGpu({ tune: false });
for (const [number, source] of sources.entries()) {
  writeSync(2, `${pipelineMark}${number}\n`);
  const refused = await compileAlone(gpu, source, number);
  if (refused !== undefined) {
    throw new Error(refused);
  }
}
process.exit(0); // a device left open keeps the process alive
