var<workgroup> partial: array<f32, 32>;

// The sum of one value of every invocation, the same in each of them.
fn workgroupSum(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var step = lanes / 2u; step > 0u; step = step / 2u) {
    if (lane < step) {
      partial[lane] = partial[lane] + partial[lane + step];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}
