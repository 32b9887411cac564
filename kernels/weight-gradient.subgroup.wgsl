// The gradient of a weight that mixes channels, by tap: weight-gradient.wgsl for devices whose subgroups are exactly 8 wide.
//   partials[q,i,k,n] = sum over the tokens t of chunk q of x[source(t,i),k] * dy[t,n]
// source(t,i) is t itself with one tap (a linear layer), and with 27 (a 3x3x3 convolution) the token that tap i of t reads;
// outside of the grid x counts as zero.
// x         (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// dy        (height, gridWidth, depth, outWidth)  stored, outWidth fastest, a multiple of 4
// partials  (chunks, taps, inWidth, outWidth)     f32
// chunk     tokens a chunk; the last one may have fewer
// A workgroup is one subgroup. It makes 16 input channels x 8 vec4 columns: each lane keeps one vec4 column of all 16 rows.
// Tokens come in runs of 8. A lane loads the 16 channels of one of them, and the others get them by broadcast (see
// linear.subgroup.wgsl); of dy it loads its own column of all 8. Workgroups: column tiles x (taps x row tiles) x chunks.
// 2 * taps * tokens * inWidth * outWidth operations; reads dy once for every 16 rows and x once for every 32 columns.
// suits software devices

enable subgroups;

alias stored = f32;

// shared/weight-gradient-sizes
override height: u32 = 1u;
override gridWidth: u32 = 1u;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override taps: u32 = 1u;
override chunk: u32;
// end of shared/weight-gradient-sizes

const subgroupLanes = 8u;
const tileRows = 16u;
const tileColumns = 32u;

alias Rows = array<vec4<f32>, 16>;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>;

struct Source {
  token: u32,
  inside: bool,
}

fn source(token: u32, tap: u32) -> Source {
  if (taps == 1u) {
    return Source(token, true);
  }
  // Unsigned wrap-around makes the row before the first one fail the test as well.
  let h = token / (gridWidth * depth) + tap / 9u - 1u;
  let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
  let d = token % depth + tap % 3u - 1u;
  let inside = h < height && w < gridWidth && d < depth;
  return Source(select(0u, (h * gridWidth + w) * depth + d, inside), inside);
}

// Adds one token's share: its 16 channels, the same in all subgroupLanes, times this lane's column of dy.
fn add(sums: ptr<function, Rows>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, g: vec4<f32>) {
  (*sums)[0] += a.x * g;
  (*sums)[1] += a.y * g;
  (*sums)[2] += a.z * g;
  (*sums)[3] += a.w * g;
  (*sums)[4] += b.x * g;
  (*sums)[5] += b.y * g;
  (*sums)[6] += b.z * g;
  (*sums)[7] += b.w * g;
  (*sums)[8] += c.x * g;
  (*sums)[9] += c.y * g;
  (*sums)[10] += c.z * g;
  (*sums)[11] += c.w * g;
  (*sums)[12] += d.x * g;
  (*sums)[13] += d.y * g;
  (*sums)[14] += d.z * g;
  (*sums)[15] += d.w * g;
}

@compute @workgroup_size(subgroupLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let inWidth4 = inWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let rowTiles = (inWidth4 + 3u) / 4u;
  let tap = group.y / rowTiles;
  let k = (group.y % rowTiles) * 4u;
  let lane = local.x;
  let column = group.x * subgroupLanes + lane;
  let readColumn = min(column, outWidth4 - 1u);
  let end = min((group.z + 1u) * chunk, height * gridWidth * depth);

  var sums = Rows();
  for (var t = group.z * chunk; t < end; t += subgroupLanes) {
    let origin = source(min(t + lane, end - 1u), tap);
    let inside = origin.inside && t + lane < end;
    let at = origin.token * inWidth4;
    let a = select(vec4<f32>(0.0), vec4<f32>(x[at + k]), inside);
    let b = select(vec4<f32>(0.0), vec4<f32>(x[at + min(k + 1u, inWidth4 - 1u)]), inside);
    let c = select(vec4<f32>(0.0), vec4<f32>(x[at + min(k + 2u, inWidth4 - 1u)]), inside);
    let d = select(vec4<f32>(0.0), vec4<f32>(x[at + min(k + 3u, inWidth4 - 1u)]), inside);
    add(&sums, subgroupBroadcast(a, 0u), subgroupBroadcast(b, 0u), subgroupBroadcast(c, 0u), subgroupBroadcast(d, 0u),
        vec4<f32>(dy[t * outWidth4 + readColumn]));
    add(&sums, subgroupBroadcast(a, 1u), subgroupBroadcast(b, 1u), subgroupBroadcast(c, 1u), subgroupBroadcast(d, 1u),
        vec4<f32>(dy[min(t + 1u, end - 1u) * outWidth4 + readColumn]));
    add(&sums, subgroupBroadcast(a, 2u), subgroupBroadcast(b, 2u), subgroupBroadcast(c, 2u), subgroupBroadcast(d, 2u),
        vec4<f32>(dy[min(t + 2u, end - 1u) * outWidth4 + readColumn]));
    add(&sums, subgroupBroadcast(a, 3u), subgroupBroadcast(b, 3u), subgroupBroadcast(c, 3u), subgroupBroadcast(d, 3u),
        vec4<f32>(dy[min(t + 3u, end - 1u) * outWidth4 + readColumn]));
    add(&sums, subgroupBroadcast(a, 4u), subgroupBroadcast(b, 4u), subgroupBroadcast(c, 4u), subgroupBroadcast(d, 4u),
        vec4<f32>(dy[min(t + 4u, end - 1u) * outWidth4 + readColumn]));
    add(&sums, subgroupBroadcast(a, 5u), subgroupBroadcast(b, 5u), subgroupBroadcast(c, 5u), subgroupBroadcast(d, 5u),
        vec4<f32>(dy[min(t + 5u, end - 1u) * outWidth4 + readColumn]));
    add(&sums, subgroupBroadcast(a, 6u), subgroupBroadcast(b, 6u), subgroupBroadcast(c, 6u), subgroupBroadcast(d, 6u),
        vec4<f32>(dy[min(t + 6u, end - 1u) * outWidth4 + readColumn]));
    add(&sums, subgroupBroadcast(a, 7u), subgroupBroadcast(b, 7u), subgroupBroadcast(c, 7u), subgroupBroadcast(d, 7u),
        vec4<f32>(dy[min(t + 7u, end - 1u) * outWidth4 + readColumn]));
  }
  let first = ((group.z * taps + tap) * inWidth + k * 4u) * outWidth4 + column;
  for (var r = 0u; r < 16u; r++) {
    if (k * 4u + r < inWidth && column < outWidth4) {
      partials[first + r * outWidth4] = sums[r];
    }
  }
}
