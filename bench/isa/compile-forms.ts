// Compiles every form of every kernel of a pass on the device that Dawn opens, one after another, and writes a line before
// each on standard error, where the driver writes what it made of it; compiler-view.ts runs and reads it:
//   tsx bench/isa/compile-forms.ts '{"pass": "forward", "config": "vit_b", "precision": "f16"}'
import { writeSync } from 'node:fs';
import { contenders, formsOf, safeForm } from '../../src/kernels/forms.ts';
import type { Precision } from '../../src/kernels/kernel.ts';
import { configNamed } from '../../src/model/config.ts';
import { compileAlone } from '../../src/node/gpu/driver-readings.ts';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { inForm, type Dispatch } from '../../src/runtime/command.ts';
import { traitsOf } from '../../src/runtime/compilation.ts';
import type { Gpu } from '../../src/runtime/gpu.ts';
import { targetOf } from '../../src/runtime/recorder.ts';
import { bytesOf } from '../../src/runtime/traffic.ts';
import type { CompiledForm, Wanted } from './compiled-form.ts';
import { recordedCommands } from './recorded-commands.ts';
import { invocationsOf } from './workgroup-size.ts';

const say = (line: string) => writeSync(2, `${line}\n`);

/** A dispatch in each of its forms that the device would try. */
function inEveryForm(dispatch: Dispatch, gpu: Gpu, precision: Precision): { form: string; dispatch: Dispatch }[] {
  const { forms } = dispatch;
  if (!forms) {
    return [{ form: dispatch.kernel.name, dispatch }];
  }
  const traits = traitsOf(gpu, precision);
  const all = formsOf(forms.kernels, traits);
  return contenders(all, safeForm(forms.shape, all, traits), traits).map((form) => ({
    form: form.name,
    dispatch: inForm(dispatch, forms, form),
  }));
}

/** Equal dispatches stand once, with their number. */
function distinctDispatches(gpu: Gpu, { config, pass, precision, kernel }: Wanted) {
  const found = new Map<string, { dispatch: Dispatch; count: number }>();
  for (const command of recordedCommands(targetOf(gpu, precision), configNamed(config), pass)) {
    if (command.kind !== 'dispatch') {
      continue;
    }
    const { name } = command.kernel;
    if (kernel === undefined || name === kernel || name.startsWith(`${kernel}.`)) {
      const key = `${name} ${JSON.stringify(command.overrides)} ${command.workgroups.join()}`;
      found.set(key, { dispatch: command, count: (found.get(key)?.count ?? 0) + 1 });
    }
  }
  return [...found.values()];
}

const wanted = JSON.parse(process.argv[2]!) as Wanted;
const gpu = await openGpu({ tune: false, boundsChecks: wanted.boundsChecks ?? true }).catch(({ message }: Error) => {
  say(`${message}\n(expected Mesa 25's RADV: Mesa 26 opens no GPU that is not there)`);
  process.exit(1);
});
say(`@@@ adapter ${JSON.stringify(gpu.adapter)}`);
let compiled = 0;
for (const [number, { dispatch: recorded, count }] of distinctDispatches(gpu, wanted).entries()) {
  for (const { form, dispatch } of inEveryForm(recorded, gpu, wanted.precision)) {
    const [x, y, z] = dispatch.workgroups;
    const line: CompiledForm = {
      dispatch: number,
      kernel: recorded.kernel.name,
      form,
      fit: dispatch.kernel.fit ?? '',
      shape: recorded.forms?.shape ?? '',
      layer: recorded.layer,
      count,
      operations: recorded.operations,
      bytes: bytesOf(recorded),
      workgroups: x * y * z,
      invocations: invocationsOf(dispatch),
    };
    say(`\n@@@ form ${JSON.stringify(line)}`);
    const error = await compileAlone(gpu, { ...dispatch, precision: wanted.precision }, compiled++);
    if (error) {
      say(`@@@ refused ${JSON.stringify(error)}`);
    }
  }
}
process.exit(0);
