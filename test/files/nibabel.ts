/** nibabel, as the foreign reader and writer of NIfTI files; the tests install it where apt can. */
import { execFileSync, spawnSync } from 'node:child_process';
import { becomesRoot, isDebianLike, runAsRoot } from '../../scripts/apt.ts';

const python = '/usr/bin/python3';

function imports(): boolean {
  return spawnSync(python, ['-c', 'import nibabel'], { stdio: 'ignore' }).status === 0;
}

/** Whether nibabel can be had here. */
export function ensureNibabel(): boolean {
  if (!imports() && isDebianLike() && becomesRoot()) {
    runAsRoot('apt-get', ['update', '-qq']);
    runAsRoot('apt-get', ['install', '-y', '-qq', 'python3-nibabel']);
  }
  return imports();
}

/** Runs a Python program, with nibabel as `nib` and numpy as `np`. @returns what it printed, as JSON */
export function runPython(program: string, ...args: string[]): unknown {
  const head = 'import sys, json\nimport numpy as np\nimport nibabel as nib\n';
  return JSON.parse(execFileSync(python, ['-c', head + program, ...args], { encoding: 'utf8' }));
}
