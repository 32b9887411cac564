// Reads every kernel with wgsl_reflect and writes src/kernels/generated.ts: the sources, with typed bindings and
// overrides, so that host code that forgets a binding or gives one of the wrong element type does not compile.
//   npm run kernels [-- --write]
// Fails where a shared block differs from kernels/shared/; --write brings the blocks up to date first.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  WgslReflect,
  type ArrayInfo,
  type FunctionInfo,
  type TemplateInfo,
  type TypeInfo,
} from 'wgsl_reflect/wgsl_reflect.module.js';
import { specialised, type Binding, type Element, type MatrixShape, type Needs } from '../src/kernels/kernel.ts';
import { sharedBlocks, withBlocks } from './shared-blocks.ts';
import { settingsOf, tileOf } from './kernel-tiles.ts';

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
      throw new Error(`kernels/${file}: binding ${resource.name} holds ${element}; expected stored, f32 or u32`);
    }
    return {
      name: resource.name,
      index: resource.binding,
      element: element as Element,
      written: resource.access === 'read_write',
    };
  });
  return found.sort((a, b) => a.index - b.index);
}

/** `name: type;` lines of the overrides, with `?` where the source gives a default. */
function overridesOf(source: string, reflected: WgslReflect) {
  return reflected.overrides.map(({ name, type }) => ({
    name,
    type: type?.name === 'bool' ? 'boolean' : 'number',
    optional: new RegExp(`override ${name}\\b[^;]*=`).test(source),
  }));
}

const featureOf: Record<string, string> = {
  subgroups: 'subgroups',
  chromium_experimental_subgroup_matrix: 'chromium-experimental-subgroup-matrix',
};

function needsOf(file: string, source: string): Needs {
  const features = [...source.matchAll(/^enable (\w+);/gm)].map(([, name]) => {
    if (!featureOf[name!]) {
      throw new Error(`kernels/${file}: enable ${name}; expected ${Object.keys(featureOf).join(', ')}`);
    }
    return featureOf[name!]!;
  });
  const lanes = /^const subgroupLanes = (\d+)u;/m.exec(source)?.[1];
  const subgroupLanes = lanes ? Number(lanes) : /^override subgroupLanes: u32;/m.test(source) ? 'any' : undefined;
  const matrices = matricesOf(file, source);
  const kibibytes = /^\/\/ workgroup memory {2,}(\d+) KiB$/m.exec(source)?.[1];
  return {
    features,
    ...(subgroupLanes && { subgroupLanes }),
    ...(matrices && { matrices }),
    ...(kibibytes && { workgroupBytes: 1024 * Number(kibibytes) }),
  };
}

/** From the head's line `matrices  f16 16 x 16 x 16, f32 8 x 8 x 8`: component, then M x N x K. */
function matricesOf(file: string, source: string): MatrixShape[] | undefined {
  const [line, listed] = /^\/\/ matrices {2,}(.*)$/m.exec(source) ?? [];
  return listed?.split(', ').map((text) => {
    const [, component, rows, columns, depth] = /^(f16|f32) (\d+) x (\d+) x (\d+)$/.exec(text) ?? [];
    if (!component) {
      throw new Error(`kernels/${file}: "${line}"; expected shapes such as f16 16 x 16 x 16, with commas between`);
    }
    return { component, result: 'f32', rows: Number(rows), columns: Number(columns), depth: Number(depth) };
  });
}

/**
 * `NAME.IDEA` is another form of `NAME`, and must be exchangeable for it: bindings of the same names, at any index.
 * @throws Error where it has others, or asks for overrides that `NAME` is not given
 */
function checkForm(base: Reflected, form: Reflected): void {
  const given = ['subgroupLanes', ...base.overrides.map(({ name }) => name)];
  const describe = ({ bindings }: Reflected) =>
    bindings
      .map(({ name, element, written }) => `${name} (${element}${written ? ', written' : ''})`)
      .sort()
      .join(', ');
  if (describe(base) !== describe(form)) {
    throw new Error(
      `kernels/${form.name}.wgsl: bindings ${describe(form)}; as a form of ${base.name} it takes ${describe(base)}`,
    );
  }
  const asked = form.overrides.find(({ name, optional }) => !optional && !given.includes(name));
  if (asked) {
    throw new Error(
      `kernels/${form.name}.wgsl: override ${asked.name} has no default; as a form of ${base.name} it is given ${given.join(', ')}`,
    );
  }
}

const sharedName = (name: string) => `${camelCase(name)}Shared`;

/** The source as its parts: shared text is in the bundle once. Indented blocks are written out. */
function sourceExpression(source: string): string {
  const lines = source.split('\n');
  const parts: string[] = [];
  let from = 0;
  for (const { name, first, last } of sharedBlocks(source)) {
    if (lines[first]!.startsWith('//')) {
      parts.push(JSON.stringify(`${lines.slice(from, first + 1).join('\n')}\n`), sharedName(name));
      from = last;
    }
  }
  return [...parts, JSON.stringify(lines.slice(from).join('\n'))].join(' + ');
}

function camelCase(name: string): string {
  return name.replace(/[-./](\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Matrix types, which wgsl_reflect does not know, stand for no binding. */
function reflect(source: string): WgslReflect {
  return new WgslReflect(
    source.replace(/(subgroupMatrix\w+)<[^>]*>/g, '$1').replace(/subgroup_matrix_\w+<[^>]*>/g, 'f32'),
  );
}

interface Reflected {
  readonly name: string;
  readonly bindings: readonly Binding[];
  readonly overrides: ReturnType<typeof overridesOf>;
  readonly text: string;
}

function kernelsIn(file: string): Reflected[] {
  const source = readFileSync(new URL(file, folder), 'utf8');
  const reflected = reflect(source);
  const half = reflect(specialised(source, 'f16'));
  const overrides = overridesOf(source, reflected);
  const stem = file.replace(/\.wgsl$/, '');
  const { tile, tileFactors } = tileOf(source);
  const refinements = settingsOf(file, source, 'then tuned');
  return reflected.entry.compute.map((entry, i) => {
    const bindings = bindingsOf(file, entry, half.entry.compute[i]!);
    const name = entry.name === 'main' ? stem : `${stem}.${entry.name}`;
    const text = `export const ${camelCase(name)}: ${typeOf(bindings, overrides)} = {
  name: '${name}',
  entryPoint: '${entry.name}',
  source: ${camelCase(stem)}Source,
  bindings: ${JSON.stringify(bindings)},
  required: ${JSON.stringify(overrides.filter((o) => !o.optional).map((o) => o.name))},
  needs: ${JSON.stringify(needsOf(file, source))},
  suitsSoftware: ${/^\/\/ suits +software devices/m.test(source)},
  tile: ${JSON.stringify(tile)},
  settings: ${JSON.stringify(settingsOf(file, source, 'tuned'))},
${Object.keys(tileFactors).length > 0 ? `  tileFactors: ${JSON.stringify(tileFactors)},\n` : ''}${refinements.length > 1 ? `  refinements: ${JSON.stringify(refinements)},\n` : ''}};`;
    return { name, bindings, overrides, text };
  });
}

function typeOf(bindings: readonly Binding[], overrides: Reflected['overrides']): string {
  const bindingTypes = bindings.map((b) => `${b.name}: '${b.element}'`).join('; ');
  const overrideTypes = overrides.map((o) => `${o.name}${o.optional ? '?' : ''}: ${o.type}`).join('; ');
  return `Kernel<{ ${bindingTypes} }, { ${overrideTypes} }>`;
}

/** Lists of the kernels that come in several forms, the plain one first. */
function formLists(all: readonly Reflected[]): string[] {
  return all.flatMap((base) => {
    const forms = all.filter(
      ({ name }) =>
        name.startsWith(`${base.name}.`) &&
        !/\.|^backward$/.test(name.slice(base.name.length + 1)) &&
        files.includes(`${name}.wgsl`),
    );
    forms.forEach((form) => checkForm(base, form));
    const names = [base, ...forms].map(({ name }) => camelCase(name));
    return forms.length > 0
      ? [`export const ${names[0]}Forms: readonly ${typeOf(base.bindings, base.overrides)}[] = [${names.join(', ')}];`]
      : [];
  });
}

/** @throws Error where the kernel names a block that is not there */
function sharedText(name: string): string {
  const path = new URL(`shared/${name}.wgsl`, folder);
  if (!existsSync(path)) {
    throw new Error(
      `kernels/shared/${name}.wgsl: there is no such file; there are ${readdirSync(new URL('shared/', folder)).join(', ')}`,
    );
  }
  return readFileSync(path, 'utf8');
}

/** Holds each kernel's shared blocks to their source. @param write brings them up to date instead */
function checkBlocks(write: boolean): void {
  const stale = files.filter((file) => {
    const source = readFileSync(new URL(file, folder), 'utf8');
    const fresh = withBlocks(source, sharedText);
    if (write && fresh !== source) {
      writeFileSync(new URL(file, folder), fresh);
    }
    return fresh !== source;
  });
  if (stale.length > 0 && !write) {
    throw new Error(
      `${stale.map((file) => `kernels/${file}`).join(', ')}: a shared block differs from kernels/shared/; change the text there, then npm run kernels -- --write`,
    );
  }
}

const files = [folder, new URL('ceilings/', folder)]
  .flatMap((from) =>
    readdirSync(from).map((file) => relative(fileURLToPath(folder), fileURLToPath(new URL(file, from)))),
  )
  .filter((file) => file.endsWith('.wgsl'))
  .sort();
checkBlocks(process.argv.includes('--write'));
const head =
  "// Made by scripts/generate-kernels.ts from kernels/*.wgsl; changes here are lost.\nimport type { Kernel } from './kernel.ts';";
const sources = files.map(
  (file) =>
    `const ${camelCase(file.replace(/\.wgsl$/, ''))}Source = ${sourceExpression(readFileSync(new URL(file, folder), 'utf8'))};`,
);
const named = readdirSync(new URL('shared/', folder))
  .map((file) => file.replace(/\.wgsl$/, ''))
  .sort();
const shared = named
  .filter((name) => sources.some((text) => text.includes(` ${sharedName(name)} `)))
  .map((name) => `const ${sharedName(name)} = ${JSON.stringify(sharedText(name))};`);
const all = files.flatMap(kernelsIn);
// Measured choices hold for these kernels only.
const version = createHash('sha256')
  .update(files.map((file) => readFileSync(new URL(file, folder), 'utf8')).join(''))
  .digest('hex')
  .slice(0, 16);
writeFileSync(
  new URL('../src/kernels/version.ts', import.meta.url),
  `// Made by scripts/generate-kernels.ts from all kernels' sources.\nexport const kernelsVersion = '${version}';\n`,
);
writeFileSync(
  new URL('../src/kernels/generated.ts', import.meta.url),
  `${[head, ...shared, ...sources, ...all.map(({ text }) => text), ...formLists(all)].join('\n\n')}\n`,
);
