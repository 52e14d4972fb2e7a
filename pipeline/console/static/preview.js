// A preview, from its bytes: see pipeline/preview.py for the layout.
const text = new TextDecoder();

export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(text.decode(new Uint8Array(buffer, 4, length)));
  let begin = 4 + length;
  const next = (size) => {
    const part = new Uint8Array(buffer, begin, size);
    begin += size;
    return part;
  };
  const on = next(head.width * head.height);
  const off = next(head.width * head.height);
  const rasters = head.neurons.map((neurons) => next(head.steps * neurons));
  return { head, on, off, rasters };
}
