import { create, globals } from 'webgpu'; Object.assign(globalThis, globals);
const gpu = create([`enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia`]);
const a = await gpu.requestAdapter();
const want = ['shader-f16','subgroups','subgroup-size-control','chromium-experimental-subgroup-matrix'].filter(f => a.features.has(f));
const d = await a.requestDevice({ requiredFeatures: want });
console.log(JSON.stringify(d.adapterInfo && [d.adapterInfo.subgroupMinSize, d.adapterInfo.subgroupMaxSize, [...(d.adapterInfo.subgroupMatrixConfigs??[])].length]));
const head = 'enable f16; enable subgroups; enable subgroup_size_control; enable chromium_experimental_subgroup_matrix;\ndiagnostic(off, chromium.subgroup_matrix_uniformity);\n';
const bodies = {
 old: `@group(0) @binding(0) var<storage, read> x: array<f16>; @group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(32) @subgroup_size(32) fn main() { let l = subgroupMatrixLoad<subgroup_matrix_left<f16,16,16>>(&x, 0u, false, 16u); let r = subgroupMatrixLoad<subgroup_matrix_right<f16,16,16>>(&x, 0u, false, 16u); var p: subgroup_matrix_result<f32,16,16>; p = subgroupMatrixMultiplyAccumulate(l, r, p); subgroupMatrixStore(&y, 0u, p, false, 16u); }`,
 neu: `@group(0) @binding(0) var<storage, read> x: array<f16>; @group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(32) @subgroup_size(32) fn main() { let l = subgroupMatrixLoad<subgroup_matrix_left<f16,16,16>, row_major>(&x, 0u, 16u); let r = subgroupMatrixLoad<subgroup_matrix_right<f16,16,16>, col_major>(&x, 0u, 16u); var p: subgroup_matrix_result<f32,16,16>; p = subgroupMatrixMultiplyAccumulate(l, r, p); subgroupMatrixStore<row_major>(&y, 0u, p, 16u); }`,
 vec: `@group(0) @binding(0) var<storage, read> x: array<vec4<f16>>; @group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
var<workgroup> t: array<vec4<f16>, 640>;
@compute @workgroup_size(32) @subgroup_size(32) fn main(@builtin(local_invocation_index) i: u32) { t[i] = x[i]; workgroupBarrier(); let l = subgroupMatrixLoad<subgroup_matrix_left<f16,16,16>, row_major>(&t, 0u, 16u); let r = subgroupMatrixLoad<subgroup_matrix_right<f16,16,16>, col_major>(&x, 0u, 16u); var p: subgroup_matrix_result<f32,16,16>; p = subgroupMatrixMultiplyAccumulate(l, r, p); subgroupMatrixStore<row_major>(&y, 0u, p, 16u); }`,
 nonsq: `@group(0) @binding(0) var<storage, read> x: array<f16>; @group(0) @binding(1) var<storage, read_write> y: array<f32>;
const M=8u; const N=16u; const K=16u; alias component = f16;
@compute @workgroup_size(32) @subgroup_size(32) fn main() { let l = subgroupMatrixLoad<subgroup_matrix_left<component,K,M>, row_major>(&x, 0u, 16u); let r = subgroupMatrixLoad<subgroup_matrix_right<component,N,K>, row_major>(&x, 0u, 16u); var p: subgroup_matrix_result<f32,N,M>; p = subgroupMatrixMultiplyAccumulate(l, r, p); subgroupMatrixStore<row_major>(&y, 0u, p, 16u); }`,
 arrow: `@group(0) @binding(0) var<storage, read> x: array<f16>; @group(0) @binding(1) var<storage, read_write> y: array<f32>;
override lanes: u32; override threads: u32 = lanes * 4u;
@compute @subgroup_size(lanes) @workgroup_size(threads) fn main() { var p: array<subgroup_matrix_result<f32,16,16>, 4>; for (var i = 0u; i < 4u; i++) { let l = subgroupMatrixLoad<subgroup_matrix_left<f16,16,16>, row_major>(&x, i * 256u, 16u); p[i] = subgroupMatrixMultiplyAccumulate(l, subgroupMatrixLoad<subgroup_matrix_right<f16,16,16>, row_major>(&x, 0u, 16u), p[i]); } for (var i = 0u; i < 4u; i++) { subgroupMatrixStore<row_major>(&y, i*256u, p[i], 16u); } }`,
};
for (const [n, b] of Object.entries(bodies)) {
  d.pushErrorScope('validation');
  const m = d.createShaderModule({ code: head + b });
  const info = await m.getCompilationInfo();
  d.createComputePipeline({ layout: 'auto', compute: { module: m, entryPoint: 'main', constants: n === 'arrow' ? { lanes: 32 } : {} } });
  const e = await d.popErrorScope();
  console.log(n, e ? e.message.slice(0, 900) : 'ok', info.messages.map(m => m.type + ': ' + m.message).join(' | ').slice(0,300));
}
process.exit(0);
