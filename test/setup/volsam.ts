/** The built `volsam` command: in this process, which saves starting another, and spawned, as a person starts it. */
import { spawnSync } from 'node:child_process';
import { vi } from 'vitest';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param input what is typed at it @param env beside this process' own */
export function spawnVolsam(
  args: readonly string[],
  { input, env }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli.js', ...args], {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** Runs the command in this process; what it prints is kept. Not for commands that read the terminal or serve. */
export async function volsam(...args: string[]): Promise<Ended> {
  const built = new URL('../../dist/command.js', import.meta.url).href;
  const { runCommand } = (await import(/* @vite-ignore */ built)) as typeof import('../../src/cli/command.ts');
  const printed = { stdout: '', stderr: '' };
  const lines =
    (stream: keyof typeof printed) =>
    (...parts: unknown[]) => {
      printed[stream] += `${parts.join(' ')}\n`;
    };
  const text = (stream: keyof typeof printed) => (part: unknown) => {
    printed[stream] += String(part);
    return true;
  };
  const spies = [
    vi.spyOn(console, 'log').mockImplementation(lines('stdout')),
    vi.spyOn(console, 'error').mockImplementation(lines('stderr')),
    vi.spyOn(process.stdout, 'write').mockImplementation(text('stdout')),
    vi.spyOn(process.stderr, 'write').mockImplementation(text('stderr')),
  ];
  process.exitCode = 0;
  try {
    await runCommand(args);
    return { status: Number(process.exitCode), ...printed };
  } finally {
    process.exitCode = 0;
    spies.forEach((spy) => spy.mockRestore());
  }
}
