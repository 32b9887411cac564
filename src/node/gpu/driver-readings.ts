/**
 * What a driver says of the kernels that it compiled: registers, scratch memory, instructions. Mesa's RADV (AMD on Linux) says it
 * on standard error when RADV_DEBUG asks for it, so the kernels are compiled once more, one by one, in a process that is asked.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { specialised, type Kernel, type Precision } from '../../kernels/kernel.ts';
import { VolsamError } from '../../runtime/errors.ts';
import type { AdapterDescription, Gpu } from '../../runtime/gpu.ts';

export interface DriverReadings {
  /** Registers of a lane. */
  readonly vgprs: number;
  /** Bytes of memory that a wave uses for what did not fit into registers. */
  readonly scratchBytes: number;
  /** Registers that were moved to memory. */
  readonly spills: number;
  readonly ldsBytes: number;
  /** Waves that a SIMD can hold at once. */
  readonly waves: number;
  readonly instructions: number;
  readonly codeBytes: number;
}

/** What makes a pipeline. */
export interface PipelineSource {
  readonly kernel: Kernel;
  readonly overrides: Readonly<Record<string, number | boolean>>;
  readonly precision: Precision;
}

/** Stands in the driver's text before each pipeline. */
export const pipelineMark = '\n@@@ pipeline ';

/** Whether the adapter's driver says anything of what it compiles. */
export const hasDriverReadings = ({ description }: AdapterDescription): boolean => description.startsWith('radv');

/** From what RADV writes of one shader. @throws VolsamError where it says less than expected */
export function parseReadings(text: string): DriverReadings {
  const value = (name: string): number => {
    const found = new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1];
    if (found === undefined) {
      throw new VolsamError(`the driver does not say "${name}" of a kernel; expected the statistics of Mesa's RADV`);
    }
    return Number(found);
  };
  return {
    vgprs: value('VGPRs'),
    scratchBytes: value('Scratch size'),
    spills: value('Spilled VGPRs') + value('Spilled SGPRs'),
    ldsBytes: value('LDS size'),
    waves: value('Subgroups per SIMD'),
    instructions: value('Instructions'),
    codeBytes: value('Code size'),
  };
}

/** Compiles in a module of its own, so that nothing is cached. @returns what Dawn says where it refuses */
export async function compileAlone(
  { device, pipelines }: Gpu,
  { kernel, overrides, precision }: PipelineSource,
  number: number,
): Promise<string | undefined> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: `${specialised(kernel.source, precision)}\n// ${number}\n` });
  const constants = Object.fromEntries(Object.entries(overrides).map(([name, value]) => [name, Number(value)]));
  device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [pipelines.bindGroupLayout(kernel)] }),
    compute: { module, entryPoint: kernel.entryPoint, constants },
  });
  return (await device.popErrorScope())?.message;
}

/**
 * Standard error of a script that asks the driver to tell what it compiles. It goes to a file: of a pipe that is full, the
 * driver loses text.
 * @throws VolsamError with the end of what was said where the script fails
 */
export function driverSays(args: readonly string[], input: string, env: NodeJS.ProcessEnv): string {
  const folder = mkdtempSync(join(tmpdir(), 'volsam-driver-'));
  const log = openSync(join(folder, 'log'), 'w+');
  try {
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      input,
      stdio: ['pipe', 'pipe', log],
      env,
    });
    const said = readFileSync(join(folder, 'log'), 'utf8');
    if (status !== 0) {
      throw new VolsamError(`compiling failed:\n${`${said}${stdout}`.trim().split('\n').slice(-12).join('\n')}`);
    }
    return said;
  } finally {
    closeSync(log);
    rmSync(folder, { recursive: true });
  }
}

/**
 * The driver's readings of each pipeline, in their order.
 * @throws VolsamError where the driver says nothing of them: see `hasDriverReadings`
 */
export function driverReadings(sources: readonly PipelineSource[]): DriverReadings[] {
  const worker = fileURLToPath(new URL('./compile-worker.js', import.meta.url));
  const env = { ...process.env, RADV_DEBUG: 'nocache,shaderstats', MESA_SHADER_CACHE_DISABLE: '1' };
  const [, ...sections] = driverSays([worker], JSON.stringify(sources), env).split(pipelineMark);
  return sections.map(parseReadings);
}
