// One text message as the bytes of a WebSocket frame (RFC 6455, section 5.2), as a server writes it: whole, and never masked with a key.

const wholeText = 0x81;

/** How long a payload is stands in the byte after the first, or, behind one of these marks, in the 2 or 8 bytes after that. */
const inTwo = 126;
const inEight = 127;

function headOf(length: number): Buffer {
  if (length < inTwo) return Buffer.of(wholeText, length);
  if (length <= 0xffff) return Buffer.of(wholeText, inTwo, length >> 8, length & 0xff);
  const head = Buffer.alloc(10);
  head.set([wholeText, inEight]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([headOf(payload.length), payload]);
}
