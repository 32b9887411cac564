/** The command line by running it: the built `volsam` on the shipped case. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { describe, expect, test } from 'vitest';
import { parseNifti } from '../../src/formats/nifti.ts';
import { presets } from '../../src/volume/preset.ts';
import { demo } from '../setup/demo.ts';
import { testFolder } from '../setup/folder.ts';
import { spawnVolsam, volsam } from '../setup/volsam.ts';
import { hasNibabel, runPython } from '../setup/foreign-tools.ts';

const at = testFolder('cli');
const click = demo.click.join(',');

function segment(...args: string[]) {
  return volsam('segment', '--weights', demo.weightsPath, '--no-tune', ...args);
}

function read(path: string) {
  return parseNifti(readFileSync(path), path);
}

test('a click in the shipped case gives mask, soft map and picture, and finds the lesion', () => {
  const { status, stdout, stderr } = spawnVolsam([
    'segment',
    '--weights',
    demo.weightsPath,
    '--no-tune',
    '--image',
    demo.imagePath,
    '--click',
    click,
    '--preset',
    'kits',
    '-o',
    at('mask.nii.gz'),
    '--probability',
    at('soft.nii'),
    '--overlay',
    at('overlay.png'),
    '--json',
  ]);
  expect(stderr.replace(/Warning: .*\n/g, '')).toBe('');
  expect(status).toBe(0);
  const summary = JSON.parse(stdout) as Record<string, number | string>;
  const [mask, soft, label] = [read(at('mask.nii.gz')), read(at('soft.nii')), demo.readLabel()];
  const voxels = mask.values.reduce((sum, value) => sum + value, 0);
  expect(summary).toMatchObject({ voxels, mask: at('mask.nii.gz') });
  expect(summary.millilitres).toBeCloseTo((voxels * mask.spacing[0] * mask.spacing[1] * mask.spacing[2]) / 1000, 6);
  expect(mask.values.every((value, i) => value === Number(soft.values[i]! > 0.5))).toBe(true);
  const both = mask.values.reduce((sum, value, i) => sum + Number(value === 1 && label.values[i] === 2), 0);
  const dice = (2 * both) / (voxels + label.values.reduce((sum, value) => sum + Number(value === 2), 0));
  expect(dice).toBeCloseTo(demo.dice, 3);
  const png = PNG.sync.read(readFileSync(at('overlay.png')));
  const yellow = Array.from({ length: png.data.length / 4 }, (_, i) => png.data.subarray(4 * i, 4 * i + 3)).filter(
    ([r, g, b]) => r === 255 && g === 196 && b === 0,
  );
  expect(png.width).toBeGreaterThan(600);
  expect(yellow.length).toBeGreaterThan(200);
  expect(readdirSync(at()).filter((name) => name.endsWith('.part'))).toEqual([]);
});

describe.runIf(hasNibabel())('stored in other orientations', () => {
  test('RAS, LPS and oblique files give the same mask, with their own affines', async () => {
    const clicks = runPython(
      `
source = nib.load(sys.argv[2])
world = source.affine @ [*json.loads(sys.argv[3]), 1]
out = {'codes': ''.join(nib.aff2axcodes(source.affine)), 'clicks': {}}
ras = nib.as_closest_canonical(source)
lps = ras.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(ras.affine), nib.orientations.axcodes2ornt('LPS')))
for name, image in (('oblique', source), ('ras', ras), ('lps', lps)):
    nib.save(image, f'{sys.argv[1]}/{name}.nii.gz')
    out['clicks'][name] = [round(float(v)) for v in (np.linalg.inv(image.affine) @ world)[:3]]
out['world'] = [float(v) for v in world[:3]]
print(json.dumps(out))`,
      at(),
      demo.imagePath,
      JSON.stringify(demo.click),
    ) as { codes: string; clicks: Record<string, number[]>; world: number[] };
    writeFileSync(at('preset.json'), JSON.stringify({ ...presets.kits, orientation: clicks.codes }));
    for (const [name, click] of Object.entries(clicks.clicks)) {
      const place = name === 'lps' ? ['--world', '--click', clicks.world.join(',')] : ['--click', click.join(',')];
      const { status, stderr } = await segment(
        '--image',
        at(`${name}.nii.gz`),
        ...place,
        '--preset',
        at('preset.json'),
        '-o',
        at(`${name}-mask.nii.gz`),
      );
      expect(status, stderr).toBe(0);
    }
    const compared = runPython(
      `
masks = [(name, nib.load(f'{sys.argv[1]}/{name}-mask.nii.gz'), nib.load(f'{sys.argv[1]}/{name}.nii.gz')) for name in ('oblique', 'ras', 'lps')]
canonical = [nib.as_closest_canonical(mask).get_fdata() for _, mask, _ in masks]
print(json.dumps({'affines': [bool(np.array_equal(m.affine, i.affine)) for _, m, i in masks], 'shapes': [m.shape == i.shape for _, m, i in masks],
    'same': [bool(np.array_equal(c, canonical[0])) for c in canonical], 'voxels': int(canonical[0].sum())}))`,
      at(),
    ) as { affines: boolean[]; shapes: boolean[]; same: boolean[]; voxels: number };
    expect(compared).toMatchObject({
      affines: [true, true, true],
      shapes: [true, true, true],
      same: [true, true, true],
    });
    expect(compared.voxels).toBeGreaterThan(1000);
  });
});

test('what is wrong with a command is said in one line, and nothing is written', async () => {
  const whole = ['--image', demo.imagePath, '--click', click, '--preset', 'kits', '-o', at('none.nii.gz')];
  const replaced = (...change: string[]) => whole.map((arg, i) => (whole[i - 1] === change[0] ? change[1]! : arg));
  writeFileSync(at('cut.nii.gz'), readFileSync(demo.imagePath).subarray(0, 50000));
  const cases: [string[], RegExp][] = [
    [replaced('--image', at('missing.nii')), /^volsam: .*missing.nii: cannot be read \(ENOENT\)$/m],
    [replaced('--image', at('cut.nii.gz')), /cut.nii.gz: (its compressed data is broken or cut short|cut short)/],
    [replaced('--image', demo.weightsPath), /demo_phantom.safetensors: no volume; expected NIfTI/],
    [
      replaced('--click', '500,0,0'),
      /click 500,0,0 lies outside the image; expected indices from 0,0,0 to \d+,\d+,\d+/,
    ],
    [replaced('--click', '1,2'), /three numbers separated by commas/],
    [
      replaced('--preset', 'brain'),
      /preset brain: no such preset or file; expected kits, lits, pancreas, colon, or a JSON file/,
    ],
    [replaced('-o', at('mask.png')), /mask.png: expected a name that ends in .nii, .nii.gz or .nrrd/],
    [[...whole, '--weights', demo.imagePath], /phantom_ct.nii.gz: the header (claims|is no JSON object)/],
    [[...whole, '--precision', 'f8'], /expected f32, f16 or auto/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await segment(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  }
  expect(readdirSync(at())).not.toContain('none.nii.gz');
});

test('doctor tells the adapter, what is used of it, and its ceilings', async () => {
  const { status, stdout } = spawnVolsam(['doctor']);
  expect(status).toBe(0);
  for (const line of [
    /^adapter {5}\S/m,
    /^driver {6}\S/m,
    /^features {4}.*core-features-and-limits/m,
    /^toggles {5}allow_unsafe_apis, vulkan_enable_f16_on_nvidia$/m,
    /^limits {6}maxBufferSize \d+/m,
    /^uses {8}.* kernels, f32/m,
    /^computes {4}fma \d+\.\d GFLOP\/s in f32/m,
    /^workgroups {2}their memory \d+\.\d GB\/s read$/m,
    /^memory {6}128 MiB: \d+\.\d GB\/s read, \d+\.\d written, \d+\.\d copied; 16 MiB: .*; 1 MiB: /m,
    /^missing {5}\S/m,
  ]) {
    expect(stdout).toMatch(line);
  }
  const { ceilings } = JSON.parse((await volsam('doctor', '--json')).stdout) as {
    ceilings: { multiplyAdd: { f32: number }; workgroupMemory: number };
  };
  expect(Math.min(ceilings.multiplyAdd.f32, ceilings.workgroupMemory)).toBeGreaterThan(0);
});

test("the package's name gives the library in Node, and the browser entry has no Node built-in", async () => {
  const name = 'volsam';
  const library = (await import(name)) as Record<string, unknown>;
  expect(
    ['openGpu', 'Sam3D', 'readSafetensors', 'parseNifti', 'segmentImage'].filter(
      (export_) => typeof library[export_] !== 'function',
    ),
  ).toEqual([]);
  const page = readFileSync('dist/browser.js', 'utf8');
  expect(page).not.toMatch(/from\s*"(node:|fs|path|os|webgpu|pngjs)|require\(/);
  expect(page).toMatch(/export\{[^}]*\bopenGpu\b/);
});
