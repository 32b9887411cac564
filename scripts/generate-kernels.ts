// Reads every kernel with wgsl_reflect and writes src/kernels/generated.ts: the sources, with typed bindings and
// overrides, so that host code that forgets a binding or gives one of the wrong element type does not compile.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { WgslReflect, type ArrayInfo, type FunctionInfo, type TemplateInfo, type TypeInfo } from 'wgsl_reflect/wgsl_reflect.module.js';
import { specialised, type Binding, type Element } from '../src/kernels/kernel.ts';

const folder = new URL('../kernels/', import.meta.url);

/** The scalar at the bottom of array<vec4<f32>>, array<f32> and their like. */
function scalar(type: TypeInfo): string {
  const inner = (type as ArrayInfo | TemplateInfo).format;
  return inner ? scalar(inner) : type.name;
}

function bindingsOf(file: string, entry: FunctionInfo, halfEntry: FunctionInfo): Binding[] {
  const found = entry.resources.map((resource, i): Binding => {
    const full = scalar(resource.type);
    const half = scalar(halfEntry.resources[i]!.type);
    const element = full === 'f32' && half === 'f16' ? 'stored' : full;
    if (!['stored', 'f32', 'u32'].includes(element)) {
      throw new Error(`kernels/${file}: binding ${resource.name} holds ${element}; accepted are stored, f32 and u32`);
    }
    return { name: resource.name, index: resource.binding, element: element as Element, written: resource.access === 'read_write' };
  });
  return found.sort((a, b) => a.index - b.index);
}

/** `name: type;` lines of the overrides, with `?` where the source gives a default. */
function overridesOf(source: string, reflected: WgslReflect) {
  return reflected.overrides.map(({ name, type }) => ({
    name, type: type?.name === 'bool' ? 'boolean' : 'number', optional: new RegExp(`override ${name}\\b[^;]*=`).test(source),
  }));
}

function camelCase(name: string): string {
  return name.replace(/[-.](\w)/g, (_, letter: string) => letter.toUpperCase());
}

function generate(file: string): string {
  const source = readFileSync(new URL(file, folder), 'utf8');
  const reflected = new WgslReflect(source);
  const half = new WgslReflect(specialised(source, 'f16'));
  const overrides = overridesOf(source, reflected);
  const stem = file.replace(/\.wgsl$/, '');
  const sourceName = `${camelCase(stem)}Source`;
  const kernels = reflected.entry.compute.map((entry, i) => {
    const bindings = bindingsOf(file, entry, half.entry.compute[i]!);
    const name = entry.name === 'main' ? stem : `${stem}.${entry.name}`;
    const bindingTypes = bindings.map((b) => `${b.name}: '${b.element}'`).join('; ');
    const overrideTypes = overrides.map((o) => `${o.name}${o.optional ? '?' : ''}: ${o.type}`).join('; ');
    const required = overrides.filter((o) => !o.optional).map((o) => o.name);
    return `export const ${camelCase(name)}: Kernel<{ ${bindingTypes} }, { ${overrideTypes} }> = {
  name: '${name}',
  entryPoint: '${entry.name}',
  source: ${sourceName},
  bindings: ${JSON.stringify(bindings)},
  required: ${JSON.stringify(required)},
};`;
  });
  return [`const ${sourceName} = ${JSON.stringify(source)};`, ...kernels].join('\n\n');
}

const files = readdirSync(folder).filter((file) => file.endsWith('.wgsl')).sort();
const head = '// Made by scripts/generate-kernels.ts from kernels/*.wgsl; changes here are lost.\nimport type { Kernel } from \'./kernel.ts\';';
writeFileSync(new URL('../src/kernels/generated.ts', import.meta.url), [head, ...files.map(generate)].join('\n\n') + '\n');
