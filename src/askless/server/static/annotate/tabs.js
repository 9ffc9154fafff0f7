// One tab at a time for each link: the newest works, and the others are told that they are over.

export function takeOver(owner, onOver) {
  const channel = new BroadcastChannel("askless");
  const me = Math.random();
  channel.onmessage = ({ data }) => {
    if (data.owner === owner && data.from !== me) onOver();
  };
  channel.postMessage({ owner, from: me });
}
