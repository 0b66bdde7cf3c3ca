/** What of the file system can be replaced, so that tests can make it fail. */
export interface LogFs {
  open(path: string, flags: string): Promise<SegmentFile>;
  /** Bytes that may still be written to the disk of this directory. */
  freeBytes(dir: string): Promise<number>;
}

/** What the log does with a segment file: a part of Node's FileHandle. */
export interface SegmentFile {
  read(into: Buffer, start: number, bytes: number, at: number): Promise<{ bytesRead: number }>;
  write(from: Buffer, start: number, bytes: number, at: number): Promise<{ bytesWritten: number }>;
  truncate(size: number): Promise<void>;
  /** Makes the bytes durable that were written. */
  datasync(): Promise<void>;
  sync(): Promise<void>;
  stat(): Promise<{ size: number }>;
  close(): Promise<void>;
}

/** Writes all bytes at this place; when it rejects, some of them may be there. */
export async function writeFully(file: SegmentFile, bytes: Buffer, at: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** So many bytes of a file, or all there are. */
export async function readFully(file: SegmentFile, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
