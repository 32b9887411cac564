/**
 * The foreign readers and writers that files are held against; `setup.ts` installs them where apt can:
 * torch (checkpoints), nibabel (NIfTI) and pydicom, plastimatch (ITK: NRRD, MetaImage, DICOM), gdcmconv (GDCM) and dciodvfy (a DICOM validator).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { becomesRoot, isDebianLike, runAsRoot } from '../../scripts/apt.ts';

const python = '/usr/bin/python3';
const packages = ['python3-torch', 'python3-nibabel', 'python3-pydicom', 'plastimatch', 'dicom3tools', 'libgdcm-tools'];

const answers = (program: string, ...args: string[]) => !spawnSync(program, args, { stdio: 'ignore' }).error;

/** Whether nibabel and pydicom are here. */
export function hasNibabel(): boolean {
  return spawnSync(python, ['-c', 'import nibabel, pydicom'], { stdio: 'ignore' }).status === 0;
}

/** Whether PyTorch is here. */
export function hasTorch(): boolean {
  return spawnSync(python, ['-c', 'import torch, numpy'], { stdio: 'ignore' }).status === 0;
}

/** Whether what reads and writes volumes is here. */
export function hasForeignTools(): boolean {
  return (
    hasNibabel() && answers('plastimatch', '--version') && answers('gdcmconv', '--version') && answers('dciodvfy', '-h')
  );
}

export function installForeignTools(): void {
  const areAllHere = () => hasForeignTools() && hasTorch();
  if (areAllHere()) {
    return;
  }
  if (isDebianLike() && becomesRoot()) {
    console.log(`volsam: apt-get install ${packages.join(' ')}, the tests' foreign readers and writers`);
    runAsRoot('apt-get', ['update', '-qq']);
    runAsRoot('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  }
  if (!areAllHere()) {
    console.warn(`volsam: not all of ${packages.join(', ')} are here; the tests against them are skipped`);
  }
}

/** Runs a Python program, with nibabel as `nib` and numpy as `np`. @returns what it printed, as JSON */
export function runPython(program: string, ...args: string[]): unknown {
  const head = 'import sys, json\nimport numpy as np\nimport nibabel as nib\n';
  return JSON.parse(execFileSync(python, ['-c', head + program, ...args], { encoding: 'utf8' }));
}

/** @returns what it said @throws Error where it fails */
export function runTool(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${stderr || stdout}`);
  }
  return `${stdout}${stderr}`;
}
