//! The words that guessers try first.

/// Words at the top of every list of leaked passwords, and the name of the product.
pub(super) const COMMON: &str = "
    password passwort motdepasse contrasena passcode passphrase pass secret geheim letmein welcome willkommen login
    signin access admin administrator root user guest test testing default changeme temp master superman batman
    spiderman pokemon starwars matrix hello hallo freedom whatever trustno iloveyou loveyou love forever angel
    sunshine princess prince flower cookie chocolate coffee cheese banana monkey dragon tiger lion shadow ninja
    samurai mustang ferrari porsche mercedes harley corvette football fussball baseball basketball soccer hockey
    golf liverpool arsenal chelsea barcelona realmadrid michael jordan jennifer jessica ashley daniel thomas robert
    george charlie andrew martin hunter killer summer winter spring autumn sommer january february march april june
    july august september october november december monday tuesday wednesday thursday friday saturday sunday
    computer internet google facebook microsoft apple samsung abc skep
";
