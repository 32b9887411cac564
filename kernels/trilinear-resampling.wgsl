// Trilinear resampling of a volume or a channel of a token grid to another size, with the axes in another order.
//   y[n,a,b,c] = sum_{i,j,k in 0..1} weights * x[n + (a0+i)*strideA + (b0+j)*strideB + (c0+k)*strideC]
// where, along each axis, an output index o lies at source coordinate o * (in-1)/(out-1) with alignCorners, and at
// max(0, (o + 1/2) * in/out - 1/2) without; a0 is its floor, and the neighbour past the end is the end itself.
// x    any layout           stored, found by the strides, counted in values
// y    (channels, outA, outB, outC)  f32, outC fastest
// One invocation makes one value of y. 24 operations and 8 reads a value, mostly from cache.

alias stored = f32;

override channels: u32;
override inA: u32;
override inB: u32;
override inC: u32;
override outA: u32;
override outB: u32;
override outC: u32;
override strideA: u32;
override strideB: u32;
override strideC: u32;
override alignCorners: bool;

@group(0) @binding(0) var<storage, read> x: array<stored>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

// Offsets of the two neighbours along an axis, and the share of the second.
struct Pair {
  first: u32,
  second: u32,
  share: f32,
}

fn neighbours(index: u32, inSide: u32, outSide: u32, stride: u32) -> Pair {
  var at: f32;
  if (alignCorners) {
    at = f32(index) * (f32(inSide - 1u) / f32(max(outSide, 2u) - 1u));
  } else {
    at = max(0.0, (f32(index) + 0.5) * (f32(inSide) / f32(outSide)) - 0.5);
  }
  let first = min(u32(at), inSide - 1u);
  return Pair(first * stride, min(first + 1u, inSide - 1u) * stride, at - f32(first));
}

fn between(first: u32, second: u32, share: f32) -> f32 {
  return (1.0 - share) * f32(x[first]) + share * f32(x[second]);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_id) local: vec3<u32>) {
  let index = (group.x + group.y * groups.x) * 64u + local.x;
  if (index >= channels * outA * outB * outC) {
    return;
  }
  let a = neighbours((index / (outB * outC)) % outA, inA, outA, strideA);
  let b = neighbours((index / outC) % outB, inB, outB, strideB);
  let c = neighbours(index % outC, inC, outC, strideC);
  let n = index / (outA * outB * outC);
  let near = n + a.first;
  let far = n + a.second;
  let nearValue = (1.0 - b.share) * between(near + b.first + c.first, near + b.first + c.second, c.share) +
                  b.share * between(near + b.second + c.first, near + b.second + c.second, c.share);
  let farValue = (1.0 - b.share) * between(far + b.first + c.first, far + b.first + c.second, c.share) +
                 b.share * between(far + b.second + c.first, far + b.second + c.second, c.share);
  y[index] = (1.0 - a.share) * nearValue + a.share * farValue;
}
