/** For readers of options: what they return when these make no sense, once `reply` has said so. */
export function refuse(reply: () => void): null {
  reply();
  return null;
}
