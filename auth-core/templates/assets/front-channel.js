// On when every frame has loaded, and after five seconds in any case.
const onward = () => {
  const link = document.getElementById("continue");
  if (link) {
    location.replace(link.href);
  }
};
addEventListener("load", onward);
setTimeout(onward, 5000);
