# Completes auditlog-tui in fish. Made by: auditlog-tui completion fish

function __auditlog_tui_offers
    switch $argv[1]
@OFFERS@
    end
end

# The names of [profiles.NAME] in the settings file, which lies in either of two places.
function __auditlog_tui_profiles
    set -l settings $HOME/.config
    test -n "$XDG_CONFIG_HOME"; and set settings $XDG_CONFIG_HOME
    set -l file auditlog-tui/config.toml
    cat $settings/$file "$HOME/Library/Application Support/$file" 2>/dev/null \
        | string replace -rf '^\s*\[profiles\.([A-Za-z0-9_-]+)\].*' '$1'
end

# The saved filters of that file, those of all profiles.
function __auditlog_tui_saved
    set -l settings $HOME/.config
    test -n "$XDG_CONFIG_HOME"; and set settings $XDG_CONFIG_HOME
    set -l file auditlog-tui/config.toml
    cat $settings/$file "$HOME/Library/Application Support/$file" 2>/dev/null | awk '/^[ \t]*\[/ { views = /^[ \t]*\[(profiles\.[A-Za-z0-9_-]+\.)?views\]/ }
        views && /^[ \t]*[A-Za-z0-9_-]+[ \t]*=/ { gsub(/^[ \t]*|[ \t]*=.*/, ""); print "@" $0 }'
end

# The files that can be a case, which is a database of SQLite; folders where there are none.
function __auditlog_tui_cases -a current
    set -l found
    for line in (__fish_complete_path $current)
        set -l file (string split -m 1 \t -- $line)[1]
        set -l real (string replace -r '^~/' $HOME/ -- $file)
        test -f $real -a -r $real; and read -n 15 -l start <$real; or set -l start
        test "$start" = "SQLite format 3"; and set -a found $file
    end
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_directories $current ''
    end
end

function __auditlog_tui
    set -l command auditlog-tui
    set -l valued
    set -l only_words
    set -l count 1
    set -l words (commandline -opc)
    set -l current (commandline -ct | string replace -r '^[\'"]' '')
    for word in $words[2..]
        if set -q valued[1]
            set valued
        else if set -q only_words[1]
            set count 2
        else if test "$word" = --
            set only_words yes
        else
            switch $word
                case @VALUED@
                    set valued $word
                case '-*'
                    string match -qr '^-[a-z].*:' -- $word; and set count 2
                case @COMMANDS@
                    if test $command = auditlog-tui -a $count = 1
                        set command $word
                    else
                        set count 2
                    end
                case '*'
                    set count 2
            end
        end
    end

    if set -q valued[1]
        __auditlog_tui_reply '' $current (__auditlog_tui_offers "$command $valued")
    else if not set -q only_words[1]; and string match -q -- '--*=*' $current
        set -l parts (string split -m 1 = -- $current)
        __auditlog_tui_reply "$parts[1]=" $parts[2] (__auditlog_tui_offers "$command $parts[1]")
    else if not set -q only_words[1]; and string match -qr '^-(-.*)?$' -- $current
        __auditlog_tui_offers "$command -"
    else
        __auditlog_tui_reply '' $current (__auditlog_tui_offers "$command $count")
    end
end

# The offers, each after what is typed already; files and filters are looked up.
function __auditlog_tui_reply -a head current
    for offer in $argv[3..]
        switch $offer
            case '<files>'
                printf "$head%s\n" (__fish_complete_path $current)
            case '<folders>'
                printf "$head%s\n" (__fish_complete_directories $current '')
            case '<cases>'
                printf "$head%s\n" (__auditlog_tui_cases $current)
            case '<profiles>'
                printf '%s\n' $head(__auditlog_tui_profiles)
            case '<filter>'
                set -l term (string match -r '^(.*\s|)([-!(+]*)(.*)$' -- $current)
                set head "$term[2]$term[3]"
                set -l value (string match -r '^([^:]*:)(.*,|)' -- $term[4])
                if set -q value[1]
                    printf '%s\n' "$head$value[1]"(__auditlog_tui_offers $value[2])
                else if string match -q '@*' -- $term[4]
                    printf '%s\n' $head(__auditlog_tui_offers @) $head(__auditlog_tui_saved)
                else
                    printf '%s\n' $head(__auditlog_tui_offers filter)
                end
            case '*'
                printf '%s\n' $head$offer
        end
    end
end

complete -c auditlog-tui -f -a '(__auditlog_tui)'
