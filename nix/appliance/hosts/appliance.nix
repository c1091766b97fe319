# The appliance host: edit, and the next build is a new release.
{
  hostName = "appliance";
  motd = "Flakeship appliance";

  # What the firewall lets in (tcp); everything else is dropped.
  ports = [
    22
    80
  ];

  # Answered by the web server on port 80.
  webPage = "Hello from the appliance.";

  passwordLogin = false;
  sudoWithoutPassword = true;

  # One command each, without a shell (sh -c '…' for more).
  # Kept running: { command; restart ? "always" | "on-failure" | "no"; }, or run once: { command; oneshot = true; }
  services = { };

  # Files below /etc: { "motd.d/hello" = "text"; }
  extraFiles = { };

  # MiB
  disk = 1024;
  memory = 256;
}
