/** Lets Mesa's RADV compile a pass for an AMD GPU that need not be there, and reads what it says of each form. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isDebianLike, runAsRoot } from '../../scripts/apt.ts';
import { driverSays, parseReadings, type DriverReadings } from '../../src/node/gpu/driver-readings.ts';
import type { CompiledForm, Wanted } from './compiled-form.ts';
import { disassembled, type Disassembly } from './loops.ts';

export interface FormView extends CompiledForm, DriverReadings {
  readonly disassembly: Disassembly;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const manifests = '/usr/share/vulkan/icd.d';

/** The manifest of RADV. @throws Error where it is not installed */
function radv(): string {
  const name = existsSync(manifests) && readdirSync(manifests).find((file) => file.startsWith('radeon_icd'));
  if (!name) {
    throw new Error(`${manifests}: no radeon_icd*.json; npm run driver installs Mesa's drivers, RADV among them`);
  }
  return `${manifests}/${name}`;
}

/** Builds the Vulkan layer that submits nothing, once. @returns the folder of its manifest */
function nullSubmitLayer(): string {
  const folder = here('../../node_modules/.cache/null-submit');
  const library = `${folder}/libnull-submit.so`;
  if (existsSync(`${folder}/layer.json`)) {
    return folder;
  }
  mkdirSync(folder, { recursive: true });
  const compile = () =>
    spawnSync('gcc', ['-O1', '-shared', '-fPIC', '-o', library, here('null-submit.c')], { encoding: 'utf8' });
  let built = compile();
  if (built.status !== 0 && isDebianLike()) {
    console.error('volsam: apt-get install gcc libvulkan-dev');
    runAsRoot('apt-get', ['update', '-qq']);
    runAsRoot('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'gcc', 'libc6-dev', 'libvulkan-dev']);
    built = compile();
  }
  if (built.status !== 0) {
    throw new Error(
      `null-submit.c needs gcc and the Vulkan headers (Debian: gcc libvulkan-dev): ${built.stderr ?? built.error}`,
    );
  }
  const layer = {
    name: 'VK_LAYER_null_submit',
    type: 'GLOBAL',
    library_path: library,
    api_version: '1.3.290',
    implementation_version: '1',
    description: 'records and submits nothing',
  };
  writeFileSync(`${folder}/layer.json`, JSON.stringify({ file_format_version: '1.2.0', layer }));
  return folder;
}

/** In which Dawn opens the given GPU, which need not be there: pipelines compile, and nothing runs. @throws Error where RADV is missing */
export function radvEnvironment(gpu: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
    VK_LAYER_PATH: nullSubmitLayer(),
    VK_INSTANCE_LAYERS: 'VK_LAYER_null_submit',
    VK_ICD_FILENAMES: radv(),
    RADV_FORCE_FAMILY: gpu,
    MESA_SHADER_CACHE_DISABLE: '1',
  };
}

function viewOf(section: string): FormView {
  const [head, ...lines] = section.split('\n');
  const form = JSON.parse(head!) as CompiledForm;
  const [, refused] = /^@@@ refused (.*)$/m.exec(section) ?? [];
  if (refused !== undefined) {
    throw new Error(`${form.form} (${form.shape || form.layer}) is refused: ${JSON.parse(refused)}`);
  }
  return {
    ...form,
    ...parseReadings(section),
    disassembly: disassembled(lines),
  };
}

/**
 * Every form of every kernel of a pass, as the driver compiles it.
 * @param gpu a family that RADV knows, such as navi31
 * @throws Error where RADV is missing, does not know the GPU, or is newer than Mesa 25, which was the last to open one that
 * is not there; and where a form is refused
 */
export function compilerView(gpu: string, wanted: Wanted): FormView[] {
  const args = ['--import', 'tsx', here('compile-forms.ts'), JSON.stringify(wanted)];
  const env = { ...radvEnvironment(gpu), RADV_DEBUG: 'nocache,shaderstats,asm' };
  const [, ...sections] = driverSays(args, '', env).split('\n@@@ form ');
  return sections.map(viewOf);
}
