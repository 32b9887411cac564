/** The `volsam` command as a whole: that every sub-command starts, its version, its help, and how it answers mistakes. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { spawnVolsam, volsam } from '../setup/volsam.ts';

const commands = [
  'segment',
  'replay',
  'auto',
  'batch',
  'train',
  'export',
  'evaluate',
  'compare',
  'profile',
  'bench',
  'serve',
  'repl',
  'convert',
  'inspect',
  'preset',
  'doctor',
];

test('every sub-command is listed, and starts by itself', async () => {
  const { stdout } = await volsam('--help');
  expect([...stdout.matchAll(/^ {2}(\w+) \[options\]/gm)].map(([, name]) => name)).toEqual(commands);
  for (const command of commands) {
    const { status, stdout: help, stderr } = await volsam(command, '--help');
    expect(status, stderr).toBe(0);
    expect(help).toMatch(new RegExp(`^Usage: volsam ${command} `));
  }
});

test.for(commands)('%s --help, started as a person starts it', { tags: ['thorough'] }, (command) => {
  const { status, stdout: help, stderr } = spawnVolsam([command, '--help']);
  expect(status, stderr).toBe(0);
  expect(help).toMatch(new RegExp(`^Usage: volsam ${command} `));
});

test("the version is the package's", () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(spawnVolsam(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test('the help lists required options first, and what is seldom needed last', async () => {
  const { stdout } = await volsam('segment', '--help');
  const [required, options, seldom] = ['\nRequired:\n', '\nOptions:\n', '\nSeldom needed:\n'].map((heading) =>
    stdout.indexOf(heading),
  );
  expect(required).toBeGreaterThan(0);
  expect(options).toBeGreaterThan(required!);
  expect(seldom).toBeGreaterThan(options!);
  expect(stdout.indexOf('--weights')).toBeLessThan(options!);
  expect(stdout.indexOf('--no-tune')).toBeGreaterThan(seldom!);
});

describe('a mistake is answered by what is wrong and the usage, a line each', () => {
  const whole = [
    'segment',
    '--image',
    'a.nii',
    '--click',
    '1,2,3',
    '--weights',
    'w',
    '--preset',
    'kits',
    '-o',
    'm.nii',
  ];
  const usage =
    'usage: volsam segment --image <file or folder> --weights <file> --preset <name or file> --output <file> [options]';
  test.each([
    ['an unknown option', [...whole, '--zzz'], "volsam: unknown option '--zzz'", usage],
    [
      'one that is nearly right',
      [...whole, '--overlap'],
      "volsam: unknown option '--overlap' (Did you mean --overlay?)",
      usage,
    ],
    [
      'a bad value',
      [...whole, '--precision', 'f8'],
      "volsam: option '--precision <type>' argument 'f8' is invalid. expected f32, f16 or auto",
      usage,
    ],
    [
      'a required option that is missing',
      ['segment'],
      "volsam: required option '--image <file or folder>' not specified",
      usage,
    ],
    ['an unknown command', ['paint'], "volsam: unknown command 'paint'", 'usage: volsam [options] [command]'],
  ])('%s', async (_, args, message, line) => {
    expect(await volsam(...args)).toEqual({ status: 1, stdout: '', stderr: `${message}\n${line}\n` });
  });
});

test('no option has an object for a default, and none is NaN', async () => {
  for (const command of commands) {
    const { stdout } = await volsam(command, '--help');
    expect(stdout, command).not.toMatch(/default: [{[]|NaN|undefined|\[object/);
  }
});

test('a binary file that is quoted in a message leaves no control characters at the terminal', async () => {
  const { stderr, status } = await volsam('compare', 'dist/web/demo/phantom_ct.nii.gz', 'x.json', '-o', 'x.html');
  expect(status).toBe(1);
  expect(stderr).not.toMatch(/[^\P{Cc}\n]/u);
});
