// Dense 3x3x3 convolution over a token grid: conv3d.wgsl for devices whose subgroups are exactly 8 wide (lavapipe).
//   y[h,w,d,n] = sum_{i,j,k in 0..2} sum_c x[h+i-1,w+j-1,d+k-1,c] * weight[i,j,k,c,n], added to what y holds where accumulate
// x        (height, gridWidth, depth, inWidth)   stored, inWidth fastest, a multiple of 4
// weight   (3, 3, 3, inWidth, outWidth)          stored, outWidth fastest, a multiple of 4
// y        (height, gridWidth, depth, outWidth)  stored
// A workgroup is one subgroup. It makes 16 tokens, consecutive in memory, x 8 vec4 columns: each lane keeps one vec4
// column of all 16 tokens. A lane loads x of two tokens only; the others get them by broadcast (see linear.subgroup.wgsl).
// 54 * tokens * inWidth * outWidth operations; reads weight once for every 16 tokens, and x 27 times for every
// 32 columns, mostly from cache.
// suits software devices

enable subgroups;

alias stored = f32;

// shared/conv3d-sizes
override height: u32;
override gridWidth: u32;
override depth: u32;
override inWidth: u32;
override outWidth: u32;
override accumulate: bool = false;
// end of shared/conv3d-sizes

const tileTokens = 16u;
const tileColumns = 32u;
const subgroupLanes = 8u;

alias Sums = array<vec4<f32>, 16>;

@group(0) @binding(0) var<storage, read> x: array<vec4<stored>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<stored>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<stored>>;

struct Source {
  first: u32,
  inside: bool,
}

// Where the tap of a token lies in x.
fn source(token: u32, tap: u32) -> Source {
  // Unsigned wrap-around makes the row before the first one fail the test as well.
  let h = token / (gridWidth * depth) + tap / 9u - 1u;
  let w = (token / depth) % gridWidth + (tap / 3u) % 3u - 1u;
  let d = token % depth + tap % 3u - 1u;
  let inside = h < height && w < gridWidth && d < depth;
  return Source(select(0u, ((h * gridWidth + w) * depth + d) * (inWidth / 4u), inside), inside);
}

// Four inputs of one token times their four rows of weight.
fn product(v: vec4<f32>, w: mat4x4<f32>) -> vec4<f32> {
  return v.x * w[0] + v.y * w[1] + v.z * w[2] + v.w * w[3];
}

fn addSums(total: ptr<function, Sums>, sum: ptr<function, Sums>) {
  (*total)[0] += (*sum)[0];
  (*total)[1] += (*sum)[1];
  (*total)[2] += (*sum)[2];
  (*total)[3] += (*sum)[3];
  (*total)[4] += (*sum)[4];
  (*total)[5] += (*sum)[5];
  (*total)[6] += (*sum)[6];
  (*total)[7] += (*sum)[7];
  (*total)[8] += (*sum)[8];
  (*total)[9] += (*sum)[9];
  (*total)[10] += (*sum)[10];
  (*total)[11] += (*sum)[11];
  (*total)[12] += (*sum)[12];
  (*total)[13] += (*sum)[13];
  (*total)[14] += (*sum)[14];
  (*total)[15] += (*sum)[15];
}

@compute @workgroup_size(subgroupLanes)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let tokens = height * gridWidth * depth;
  let inWidth4 = inWidth / 4u;
  let outWidth4 = outWidth / 4u;
  let lane = local.x;
  let firstToken = (group.y + group.z * groups.y) * tileTokens;
  let column = group.x * subgroupLanes + lane;
  let readColumn = min(column, outWidth4 - 1u);

  var total: Sums;
  for (var tap = 0u; tap < 27u; tap++) {
    // A tap is summed by itself before it joins the total, for the sake of its rounding.
    var sum = Sums();
    let lowSource = source(firstToken + lane, tap);
    let highSource = source(firstToken + subgroupLanes + lane, tap);
    for (var c = 0u; c < inWidth4; c++) {
      let at = (tap * inWidth + c * 4u) * outWidth4 + readColumn;
      let w = mat4x4<f32>(vec4<f32>(weight[at]), vec4<f32>(weight[at + outWidth4]),
                          vec4<f32>(weight[at + 2u * outWidth4]), vec4<f32>(weight[at + 3u * outWidth4]));
      let low = select(vec4<f32>(0.0), vec4<f32>(x[lowSource.first + c]), lowSource.inside);
      let high = select(vec4<f32>(0.0), vec4<f32>(x[highSource.first + c]), highSource.inside);
      sum[0] += product(subgroupBroadcast(low, 0u), w);
      sum[1] += product(subgroupBroadcast(low, 1u), w);
      sum[2] += product(subgroupBroadcast(low, 2u), w);
      sum[3] += product(subgroupBroadcast(low, 3u), w);
      sum[4] += product(subgroupBroadcast(low, 4u), w);
      sum[5] += product(subgroupBroadcast(low, 5u), w);
      sum[6] += product(subgroupBroadcast(low, 6u), w);
      sum[7] += product(subgroupBroadcast(low, 7u), w);
      sum[8] += product(subgroupBroadcast(high, 0u), w);
      sum[9] += product(subgroupBroadcast(high, 1u), w);
      sum[10] += product(subgroupBroadcast(high, 2u), w);
      sum[11] += product(subgroupBroadcast(high, 3u), w);
      sum[12] += product(subgroupBroadcast(high, 4u), w);
      sum[13] += product(subgroupBroadcast(high, 5u), w);
      sum[14] += product(subgroupBroadcast(high, 6u), w);
      sum[15] += product(subgroupBroadcast(high, 7u), w);
    }
    addSums(&total, &sum);
  }
  for (var r = 0u; r < tileTokens; r++) {
    if (firstToken + r < tokens && column < outWidth4) {
      let at = (firstToken + r) * outWidth4 + column;
      var value = total[r];
      // shared/accumulated
      if (accumulate) {
        value += vec4<f32>(y[at]);
      }
      y[at] = vec4<stored>(value);
      // end of shared/accumulated
    }
  }
}
