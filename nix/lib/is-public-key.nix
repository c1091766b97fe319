# Whether a line of authorized_keys holds a public key that sshd takes: options, type, base64, comment. What
# does not, above all a private key, must not get into an image. Plain builtins: it takes no nixpkgs.
let
  types = "ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh[.]com";
  # Every key begins with the length of its type's name.
  base64 = "AAAA([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";
  printable = "[^[:cntrl:]]*";
in
line:
builtins.match "(${printable}[ \t])?(${types})[ \t]+${base64}([ \t]${printable})?" line != null
