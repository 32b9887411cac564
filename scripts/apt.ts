// What the steps that install system packages share: which system this is, and commands as root.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** The fields of os-release; empty where there is no such file. */
export function osRelease(): Record<string, string> {
  if (!existsSync('/etc/os-release')) {
    return {};
  }
  const lines = readFileSync('/etc/os-release', 'utf8')
    .split('\n')
    .map((line) => line.split('='));
  return Object.fromEntries(
    lines.filter((parts) => parts.length === 2).map(([name, value]) => [name, value!.replace(/^"|"$/g, '')]),
  );
}

/** Debian, Ubuntu, or made from one of them. */
export function isDebianLike(): boolean {
  const { ID: id = '', ID_LIKE: like = '' } = osRelease();
  return (
    process.platform === 'linux' &&
    existsSync('/usr/bin/apt-get') &&
    [id, ...like.split(' ')].some((name) => name === 'debian' || name === 'ubuntu')
  );
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** This user is root, or has sudo without a password. */
export function becomesRoot(): boolean {
  return isRoot() || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
}

/** Runs a command as root, its errors shown. @returns whether it succeeded */
export function runAsRoot(command: string, args: readonly string[], input?: string): boolean {
  const [program, ...rest] = isRoot() ? [command, ...args] : ['sudo', '-n', command, ...args];
  const { status } = spawnSync(program!, rest, {
    input,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}
