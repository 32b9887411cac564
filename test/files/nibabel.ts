/** nibabel, as the foreign reader and writer of NIfTI files; the tests install it where apt can. */
import { execFileSync, spawnSync } from 'node:child_process';
import { becomesRoot, isDebianLike, runAsRoot } from '../../scripts/apt.ts';

const python = '/usr/bin/python3';

/** Whether nibabel is here. */
export function hasNibabel(): boolean {
  return spawnSync(python, ['-c', 'import nibabel'], { stdio: 'ignore' }).status === 0;
}

/** Before all tests, once: vitest's files run side by side, and apt does not. */
export default function installNibabel(): void {
  if (hasNibabel()) {
    return;
  }
  if (isDebianLike() && becomesRoot()) {
    console.log('volsam: apt-get install python3-nibabel, the tests\' foreign reader of masks');
    runAsRoot('apt-get', ['update', '-qq']);
    runAsRoot('apt-get', ['install', '-y', '-qq', 'python3-nibabel']);
  }
  if (!hasNibabel()) {
    console.warn('volsam: no nibabel for /usr/bin/python3; the tests against it are skipped');
  }
}

/** Runs a Python program, with nibabel as `nib` and numpy as `np`. @returns what it printed, as JSON */
export function runPython(program: string, ...args: string[]): unknown {
  const head = 'import sys, json\nimport numpy as np\nimport nibabel as nib\n';
  return JSON.parse(execFileSync(python, ['-c', head + program, ...args], { encoding: 'utf8' }));
}
